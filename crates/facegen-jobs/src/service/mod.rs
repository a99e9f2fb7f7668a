//! The service that the rest of the program calls.

mod access;
mod buckets;
pub(crate) mod erase;
mod faces;
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
use facegen_core::store::{Event, Order, StoreError, StoreFault, Stores};
use facegen_core::{FaceSource, FileName, GenerationRequest, StoredObject};

use crate::context::{self, Contexts, DeliveryContext, IntakeContext, WorkContext};
use crate::error::JobError;
use crate::files;
use crate::keys::Keys;
use crate::ports::{JobsConfig, Ports};
pub use erase::{Erased, Erasure};
pub use faces::FoundFaces;
pub use replay::Replay;
pub use uploads::{Upload, Uploaded};
pub use view::{JobView, JobWatch};

/// A parsed request with its owner.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The key that the job will belong to.
    pub key: KeyId,
    /// What to generate.
    pub request: GenerationRequest,
    /// Where the photo comes from.
    pub face: FaceSource,
    /// See [`Job::base_url`].
    pub base_url: String,
    /// Keeps a repeated request from making a second job.
    pub idempotency: Option<Idempotency>,
}

/// Accepts jobs and answers questions about them. Clones are the same service.
#[derive(Clone)]
pub struct JobService {
    pub(crate) context: Arc<IntakeContext>,
    pub(crate) work: Arc<WorkContext>,
    pub(crate) delivery: Arc<DeliveryContext>,
}

impl JobService {
    /// Opens the service on these stores, and requeues what a former process
    /// had claimed when it died. No job runs before [`JobService::start`].
    ///
    /// # Errors
    /// Fails when the stores cannot be read or written.
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

    /// Returns the keys that jobs belong to.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.context.keys
    }

    /// Writes the job and wakes the worker. An inline photo is decoded first,
    /// so that one that cannot be read makes no job. A caller that goes away
    /// meanwhile changes nothing.
    ///
    /// # Errors
    /// Fails when the queue is full, the photo is unreadable, the server is
    /// stopping, or the store cannot be written.
    pub async fn submit(&self, submission: Submission) -> Result<Job, JobError> {
        let intake = intake::take_in(Arc::clone(&self.context), submission);
        context::run_detached(intake).await
    }

    /// Waits for the end of a job, but at most for `limit` and only as long as
    /// jobs run, and returns it as it is then.
    ///
    /// # Errors
    /// Fails when there is no such job, or the store cannot be read.
    pub async fn wait(&self, id: JobId, limit: Duration) -> Result<Job, JobError> {
        watch::wait(&self.context, id, limit).await
    }

    /// Finds the job with this id, if it belongs to `key`.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    pub async fn find(&self, key: KeyId, id: JobId) -> Result<Option<Job>, JobError> {
        Ok(self.context.storage.stores.jobs.find(Some(key), id).await?)
    }

    /// Estimates how long it takes until the job has ended, from the measured
    /// throughput and the work before it: at least a second, and zero once it
    /// has ended.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    pub async fn estimate(&self, job: &Job) -> Result<Duration, JobError> {
        watch::estimate(&self.context, job).await
    }

    /// Cancels a job that belongs to `key`, at the next step if it runs. Returns `None`
    /// when there is no such job; else the job, which has ended in some state.
    ///
    /// # Errors
    /// Fails when the store cannot be read or written.
    pub async fn cancel(&self, key: KeyId, id: JobId) -> Result<Option<Job>, JobError> {
        let context = Arc::clone(&self.context);
        context::run_detached(async move { erase::cancel(&context, key, id).await }).await
    }

    /// Cancels all waiting jobs, those of one key or of all, and returns their
    /// number. Running jobs continue.
    ///
    /// # Errors
    /// Fails when the store cannot be read or written.
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

    /// Clears the caches: photos that were decoded ahead, which are then read
    /// again, and failures of buckets, which are then asked again.
    pub async fn clear_cache(&self) {
        self.context.storage.clear_caches().await;
        if let Err(error) = self.order(Order::ClearCache).await {
            tracing::warn!(%error, "failed to clear the caches of other nodes");
        }
    }

    /// Orders the other nodes on the database to do what this process has done.
    ///
    /// # Errors
    /// Fails when the store cannot be written.
    pub async fn order(&self, order: Order) -> Result<(), JobError> {
        let storage = &self.context.storage;
        if storage.stores.health.is_exclusive() {
            return Ok(());
        }
        let count = storage.stores.nodes.order(order).await?;
        self.work.seen_orders.carried_out(order, count);
        storage.publish(Event::Ordered);
        Ok(())
    }

    /// Returns how many networks other nodes on the database have loaded.
    #[must_use]
    pub fn models_elsewhere(&self) -> usize {
        self.context.execution.models_elsewhere()
    }

    /// Applies other settings; what has begun with the old ones may end with
    /// them. The database stays the one that is open.
    pub fn reconfigure(&self, config: JobsConfig) {
        self.context.storage.reconfigure(config);
    }

    /// Estimates how long it takes until all waiting jobs have ended; zero when
    /// none waits, even if one runs.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    pub async fn backlog(&self) -> Result<Duration, JobError> {
        watch::backlog(&self.context).await
    }

    /// Opens a file of a job that has succeeded, or one that a caller has sent,
    /// wherever it is stored; `None` for others and after their expiry.
    ///
    /// # Errors
    /// Fails when one of the stores cannot be read.
    pub async fn file(&self, name: &FileName) -> Result<Option<StoredObject>, JobError> {
        files::open(&self.context.storage, name).await
    }

    /// Reads all bytes of such a file.
    ///
    /// # Errors
    /// Fails when one of the stores cannot be read.
    pub async fn read(&self, name: &FileName) -> Result<Option<Vec<u8>>, JobError> {
        files::read(&self.context.storage, name).await
    }

    /// Returns whether jobs are accepted: false after [`JobService::drain`].
    #[must_use]
    pub fn is_accepting(&self) -> bool {
        !self.context.execution.draining.is_cancelled()
    }

    /// Returns the fault of the database or the image directory, if any, as of
    /// the last few seconds.
    #[must_use]
    pub fn store_fault(&self) -> Option<StoreFault> {
        self.context.storage.stores.health.fault()
    }

    /// Accepts no more jobs, and lets the worker claim none.
    pub fn drain(&self) {
        self.context.execution.draining.cancel();
    }

    /// Closes the database. Must be called after the last request was answered.
    pub async fn close(&self) {
        self.context.storage.stores.health.close().await;
    }
}

impl fmt::Debug for JobService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("JobService").finish_non_exhaustive()
    }
}
