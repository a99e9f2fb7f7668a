//! What the rest of the program can ask of jobs.
//!
//! | chapter | holds |
//! |---|---|
//! | `access` | who may ask, and how often |
//! | `buckets` | the buckets of keys |
//! | `erase` | [`Erased`], what is left of a job |
//! | `view` | [`JobView`], all about one job, and [`JobWatch`], how it changes |
//! | `mail` | the deliveries of a key |
//! | `intake` | how a job comes in |
//! | `watch` | how one waits for its end, and how long that takes |
//! | `uploads` | images that callers send to get a link |

mod access;
mod buckets;
pub(crate) mod erase;
mod intake;
mod replay;
#[cfg(test)]
mod tests;
pub(crate) mod uploads;
mod view;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::idempotency::Idempotency;
use facegen_core::job::{Job, JobId};
use facegen_core::key::KeyId;
use facegen_core::store::{StoreError, StoreFault, Stores};
use facegen_core::{FaceSource, FileName, GenerationRequest, StoredObject};

use crate::context::{self, Contexts, DeliveryContext, IntakeContext, WorkContext};
use crate::error::JobError;
use crate::files;
use crate::keys::Keys;
use crate::ports::{JobsConfig, Ports};
pub use erase::{Erased, Erasure};
pub use replay::Replay;
pub use uploads::{Upload, Uploaded};
pub use view::{JobView, JobWatch};

/// A parsed request, and whose it is.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The key that the job will belong to.
    pub key: KeyId,
    /// What is asked for.
    pub request: GenerationRequest,
    /// Where the photo comes from.
    pub face: FaceSource,
    /// See [`Job::base_url`].
    pub base_url: String,
    /// Says that the same request makes no second job.
    pub idempotency: Option<Idempotency>,
}

/// Takes jobs in, and tells about them. Clones are the same service.
#[derive(Clone)]
pub struct JobService {
    pub(crate) context: Arc<IntakeContext>,
    pub(crate) work: Arc<WorkContext>,
    pub(crate) delivery: Arc<DeliveryContext>,
}

impl JobService {
    /// Opens the service on these stores, and requeues what a former process
    /// had claimed when it died. Nothing is worked on before
    /// [`JobService::start`].
    ///
    /// # Errors
    /// The stores cannot be read or written.
    pub async fn open(
        config: JobsConfig,
        ports: Ports,
        stores: Stores,
    ) -> Result<Self, StoreError> {
        let contexts = Contexts::open(config, ports, stores).await?;
        Ok(Self {
            context: Arc::new(contexts.intake),
            work: Arc::new(contexts.work),
            delivery: Arc::new(contexts.delivery),
        })
    }

    /// The keys that jobs belong to.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.context.keys
    }

    /// Writes the job and wakes the worker. An inline photo is decoded
    /// first, so that one that cannot be read makes no job. A caller that goes
    /// away meanwhile changes nothing.
    ///
    /// # Errors
    /// The queue is full, the photo is unreadable, the server is
    /// stopping, or the store cannot be written.
    pub async fn submit(&self, submission: Submission) -> Result<Job, JobError> {
        let intake = intake::take_in(Arc::clone(&self.context), submission);
        context::run_detached(intake).await
    }

    /// The job when it has ended, or as it is after `limit` or when work has
    /// stopped for good.
    ///
    /// # Errors
    /// There is no such job, or the store cannot be read.
    pub async fn wait(&self, id: JobId, limit: Duration) -> Result<Job, JobError> {
        watch::wait(&self.context, id, limit).await
    }

    /// The job with this id, if it belongs to `key`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn find(&self, key: KeyId, id: JobId) -> Result<Option<Job>, JobError> {
        Ok(self.context.storage.stores.jobs.find(Some(key), id).await?)
    }

    /// How long it will take until the job has ended, from the measured time
    /// of steps and what is before it: at least a second, and nothing once it
    /// has ended.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn estimate(&self, job: &Job) -> Result<Duration, JobError> {
        watch::estimate(&self.context, job).await
    }

    /// Stops a job that belongs to `key`, at the next step if it runs. `None`
    /// when there is no such job; otherwise the job, ended in whatever way.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn cancel(&self, key: KeyId, id: JobId) -> Result<Option<Job>, JobError> {
        let context = Arc::clone(&self.context);
        context::run_detached(async move { erase::cancel(&context, key, id).await }).await
    }

    /// Cancels all jobs that wait, those of one key or of all, and says how
    /// many they were. What runs goes on.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn clear_queue(&self, whose: Option<KeyId>) -> Result<usize, JobError> {
        let context = Arc::clone(&self.context);
        context::run_detached(async move {
            let now = context.storage.clock.now();
            let cleared = context
                .storage
                .stores
                .jobs
                .clear(whose, &erase::cancelled(), now)
                .await?;
            for job in &cleared {
                context.storage.notify_ended(job);
            }
            Ok(cleared.len())
        })
        .await
    }

    /// Forgets what is kept only to be faster: photos that were decoded
    /// ahead, which are then read again, and that buckets failed, which are
    /// then asked again.
    pub async fn clear_cache(&self) {
        self.context.storage.photo_cache.clear();
        self.context.storage.buckets.reset().await;
    }

    /// Goes over to other numbers; what has begun by the old ones may end by
    /// them. The database stays the one that is open.
    pub fn reconfigure(&self, config: JobsConfig) {
        self.context.storage.reconfigure(config);
    }

    /// How long it will take until everything that waits has ended; nothing
    /// when nothing waits, even if something runs.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn backlog(&self) -> Result<Duration, JobError> {
        watch::backlog(&self.context).await
    }

    /// A file of a job that has succeeded, or one that a caller has sent, that
    /// has not expired, wherever it is; `None` otherwise.
    ///
    /// # Errors
    /// One of the stores cannot be read.
    pub async fn file(&self, name: &FileName) -> Result<Option<StoredObject>, JobError> {
        files::open(&self.context.storage, name).await
    }

    /// All the bytes of such a file.
    ///
    /// # Errors
    /// One of the stores cannot be read.
    pub async fn read(&self, name: &FileName) -> Result<Option<Vec<u8>>, JobError> {
        files::read(&self.context.storage, name).await
    }

    /// Whether jobs are taken in: false once [`JobService::drain`] was called.
    #[must_use]
    pub fn is_accepting(&self) -> bool {
        !self.context.execution.draining.is_cancelled()
    }

    /// What is wrong with the database or the directory of images, if anything,
    /// as it was found out within the last seconds.
    #[must_use]
    pub fn store_fault(&self) -> Option<StoreFault> {
        self.context.storage.stores.health.fault()
    }

    /// Takes no more jobs in, and lets the worker claim none.
    pub fn drain(&self) {
        self.context.execution.draining.cancel();
    }

    /// Closes the database, after the last request was answered.
    pub async fn close(&self) {
        self.context.storage.stores.health.close().await;
    }
}

impl fmt::Debug for JobService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("JobService").finish_non_exhaustive()
    }
}
