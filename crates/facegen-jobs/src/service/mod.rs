//! What the rest of the program can ask of jobs.
//!
//! | chapter | holds |
//! |---|---|
//! | [`error`] | [`JobError`] |
//! | `access` | who may ask, and how often |
//! | `buckets` | the buckets of keys |
//! | `decoding` | how photographs become pixels |
//! | `erase` | [`Erased`], what is left of a job |
//! | `view` | [`JobView`], all about one job, and [`JobWatch`], how it changes |
//! | `mail` | the deliveries of a key |
//! | `files` | the files that are read at this server |
//! | `intake` | how a job comes in |
//! | `watch` | how one waits for its end, and how long that takes |
//! | `pace` | how fast the engine is |
//! | `photographs` | decoded photographs of the jobs that come next |
//! | `readers` | how much of objects in buckets is in memory |
//! | `rate` | how often each key has asked of late |
//! | `uploads` | pictures that callers send to get a link |
//! | `shared` | what the service, the worker and the upkeep share |

mod access;
mod buckets;
pub(crate) mod decoding;
pub(crate) mod erase;
pub mod error;
pub(crate) mod files;
mod intake;
mod mail;
pub(crate) mod pace;
pub(crate) mod photographs;
pub(crate) mod rate;
pub(crate) mod readers;
pub(crate) mod shared;
#[cfg(test)]
mod tests;
pub(crate) mod uploads;
mod view;
mod watch;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::{
    Clock, FaceReader, FaceSource, FileName, GenerationRequest, ImageStore, Picture, StoredObject,
    Timestamp, WebhookSender,
};

pub use erase::{Erased, Erasure};
pub use error::JobError;
pub use mail::Replay;
use shared::Shared;
pub use uploads::{Upload, Uploaded};
pub use view::{JobView, JobWatch};

use crate::buckets::{Bucket, KeyBuckets};
use crate::idempotency::Idempotency;
use crate::job::{Job, JobId};
use crate::key::KeyId;
use crate::key_limits::KeyLimits;
use crate::master_key::MasterKey;
use crate::running::Running;
use crate::store::health::StoreFault;
use crate::store::{Keys, StoreError};

/// The numbers that the operator may set.
#[derive(Debug, Clone, PartialEq)]
pub struct JobsConfig {
    /// The file of the database; it is made when it is not there.
    pub database: PathBuf,
    /// How many jobs may wait at once.
    pub queue_limit: u32,
    /// How much a key may ask for of which nothing else is said.
    pub key_limits: KeyLimits,
    /// How long a job stays a worker's without a heartbeat.
    pub lease: Duration,
    /// How often a worker says that it still works on a job.
    pub heartbeat: Duration,
    /// How often work on a job may break down before it is given up.
    pub max_attempts: u32,
    /// How long the engine may be at one step before it is taken to hang.
    pub step_timeout: Duration,
    /// How long pictures are kept.
    pub keep_pictures: Duration,
    /// How long the row of an ended job is kept after that.
    pub keep_rows: Duration,
    /// How long a photograph that is a picture of this server may take to come
    /// from its bucket.
    pub face_timeout: Duration,
    /// Whether webhooks are signed.
    pub sign_webhooks: bool,
}

/// Encodes a finished picture as a file.
pub type PictureEncoder = Arc<dyn Fn(&Picture) -> Result<Vec<u8>, String> + Send + Sync>;

/// The body of the webhook of an ended job, as it is at this moment.
pub type WebhookBody = Arc<dyn Fn(&Job, Timestamp) -> String + Send + Sync>;

/// Told at each point of a job's life that it has come there. It is called
/// among tasks: one that blocks while others go on does so in
/// `tokio::task::block_in_place`.
pub type Observer = Arc<dyn Fn(Checkpoint, &GenerationRequest) + Send + Sync>;

/// The points of a job's life at which a process may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkpoint {
    /// Parsed, nothing written.
    Accepted,
    /// The row is written.
    Inserted,
    /// The worker was told, the caller not yet.
    Enqueued,
    /// A worker has claimed it.
    Claimed,
    /// A denoising step is done.
    Denoising,
    /// The pictures are encoded.
    Encoded,
    /// The pictures are stored.
    Stored,
    /// The end is about to be written.
    Finishing,
}

/// What jobs need from the rest of the program.
#[derive(Clone)]
pub struct Ports {
    /// Gets and reads photographs.
    pub faces: Arc<dyn FaceReader>,
    /// Keeps the pictures that are read at this server: all of them without a
    /// bucket, else those that the bucket did not take when they were made.
    pub images: Arc<dyn ImageStore>,
    /// Where callers read pictures themselves; `None`: at this server alone.
    pub bucket: Option<Bucket>,
    /// The same for the pictures of keys that have buckets of their own.
    pub key_buckets: KeyBuckets,
    /// Delivers webhooks.
    pub webhooks: Arc<dyn WebhookSender>,
    /// Encodes pictures that were made.
    pub encoder: PictureEncoder,
    /// Encodes pictures that were sent.
    pub upload_encoder: PictureEncoder,
    /// Keeps the secrets of keys.
    pub master_key: MasterKey,
    /// Writes the bodies of webhooks.
    pub webhook_body: WebhookBody,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Told of each checkpoint.
    pub observer: Observer,
}

impl fmt::Debug for Ports {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ports").finish_non_exhaustive()
    }
}

/// A parsed request, and whose it is.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The key that the job will belong to.
    pub key: KeyId,
    /// What is asked for.
    pub request: GenerationRequest,
    /// Where the photograph comes from.
    pub face: FaceSource,
    /// See [`Job::base_url`].
    pub base_url: String,
    /// Says that the same request makes no second job.
    pub once: Option<Idempotency>,
}

/// Takes jobs in, and tells about them. Clones are the same service.
#[derive(Clone)]
pub struct JobService {
    shared: Arc<Shared>,
}

impl JobService {
    /// Opens the database, for this process alone, and takes back what the
    /// former process was at when it died. Nothing is worked on before
    /// [`JobService::start`].
    ///
    /// # Errors
    /// Another process works on the database, or it cannot be opened.
    pub async fn open(config: JobsConfig, ports: Ports) -> Result<Self, StoreError> {
        let shared = Shared::open(config, ports).await?;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Starts the deliveries of webhooks and pictures and the deletion of what is old. Jobs
    /// are worked on once the result is given an engine. To be called once,
    /// inside of a tokio runtime.
    #[must_use]
    pub fn start(&self) -> Running {
        Running::start(Arc::clone(&self.shared))
    }

    /// The keys that jobs belong to.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    /// Writes the job and wakes the worker. An inline photograph is decoded
    /// first, so that one that cannot be read makes no job. A caller that goes
    /// away meanwhile changes nothing.
    ///
    /// # Errors
    /// The queue is full, the photograph is unreadable, the server is
    /// stopping, or the store cannot be written.
    pub async fn submit(&self, submission: Submission) -> Result<Job, JobError> {
        let intake = intake::take_in(Arc::clone(&self.shared), submission);
        shared::to_the_end(intake).await
    }

    /// The job when it has ended, or as it is after `limit` or when work has
    /// stopped for good.
    ///
    /// # Errors
    /// There is no such job, or the store cannot be read.
    pub async fn wait(&self, id: JobId, limit: Duration) -> Result<Job, JobError> {
        watch::wait(&self.shared, id, limit).await
    }

    /// The job with this id, if it belongs to `key`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn find(&self, key: KeyId, id: JobId) -> Result<Option<Job>, JobError> {
        Ok(self.shared.queue.find(Some(key), id).await?)
    }

    /// How long it will take until the job has ended, from the measured time
    /// of steps and what is before it: at least a second, and nothing once it
    /// has ended.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn estimate(&self, job: &Job) -> Result<Duration, JobError> {
        watch::estimate(&self.shared, job).await
    }

    /// Stops a job that belongs to `key`, at the next step if it runs. `None`
    /// when there is no such job; otherwise the job, ended in whatever way.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn cancel(&self, key: KeyId, id: JobId) -> Result<Option<Job>, JobError> {
        let shared = Arc::clone(&self.shared);
        shared::to_the_end(async move { erase::cancel(&shared, key, id).await }).await
    }

    /// Cancels all jobs that wait, those of one key or of all, and says how
    /// many they were. What runs goes on.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn clear_queue(&self, whose: Option<KeyId>) -> Result<usize, JobError> {
        let shared = Arc::clone(&self.shared);
        shared::to_the_end(async move {
            let now = shared.ports.clock.now();
            let cleared = shared.queue.clear(whose, &erase::cancelled(), now).await?;
            for job in &cleared {
                shared.tell_end(job);
            }
            Ok(cleared.len())
        })
        .await
    }

    /// Forgets what is kept only to be faster: photographs that were decoded
    /// ahead, which are then read again, and that buckets failed, which are
    /// then asked again.
    pub async fn clear_cache(&self) {
        self.shared.photographs.clear();
        self.shared.buckets.wake().await;
    }

    /// Goes over to other numbers; what has begun by the old ones may end by
    /// them. The database stays the one that is open.
    pub fn reconfigure(&self, config: JobsConfig) {
        self.shared.reconfigure(config);
    }

    /// How long it will take until everything that waits has ended; nothing
    /// when nothing waits, even if something runs.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn backlog(&self) -> Result<Duration, JobError> {
        watch::backlog(&self.shared).await
    }

    /// A file of a job that has succeeded, or one that a caller has sent, that
    /// has not expired, wherever it is; `None` otherwise.
    ///
    /// # Errors
    /// One of the stores cannot be read.
    pub async fn file(&self, name: &FileName) -> Result<Option<StoredObject>, JobError> {
        files::open(&self.shared, name).await
    }

    /// All the bytes of such a file.
    ///
    /// # Errors
    /// One of the stores cannot be read.
    pub async fn read(&self, name: &FileName) -> Result<Option<Vec<u8>>, JobError> {
        files::read(&self.shared, name).await
    }

    /// Whether jobs are taken in: false once [`JobService::drain`] was called.
    #[must_use]
    pub fn is_accepting(&self) -> bool {
        !self.shared.draining.is_cancelled()
    }

    /// What is wrong with the database, if anything, as it was found out within
    /// the last seconds.
    #[must_use]
    pub fn store_fault(&self) -> Option<StoreFault> {
        self.shared.store.health.fault()
    }

    /// Takes no more jobs in, and lets the worker claim none.
    pub fn drain(&self) {
        self.shared.draining.cancel();
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Closes the database, after the last request was answered.
    pub async fn close(&self) {
        self.shared.store.close().await;
    }
}

impl fmt::Debug for JobService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("JobService").finish_non_exhaustive()
    }
}
