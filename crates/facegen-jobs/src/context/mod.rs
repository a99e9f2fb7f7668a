//! What the service, the worker, the deliveries and the janitor share.

pub(crate) mod decoding;
pub(crate) mod engine_slot;
pub(crate) mod engine_start_times;
pub(crate) mod photo_cache;
pub(crate) mod rate_limiter;
pub(crate) mod readers;
pub(crate) mod running_jobs;
pub(crate) mod throughput;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use facegen_core::{Current, Timestamp};
use tokio::sync::{Notify, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::broken_task;
use crate::buckets::Buckets;
use crate::error::JobError;
use crate::job::{Job, JobId};
use crate::metrics;
use crate::ports::{JobsConfig, Ports};
use crate::queue::{JobQueue, Reclaimed, SqliteQueue, Workers};
use crate::store::deliveries::DeliveryKind;
use crate::store::{FolderLock, Keys, Store, StoreError};
use engine_slot::EngineSlot;
use engine_start_times::Turns;
use photo_cache::Photographs;
use rate_limiter::Rates;
use readers::Readers;
use running_jobs::InHand;
use throughput::Pace;

/// How many ends a slow waiter may miss before it has to look for itself.
const ENDS_REMEMBERED: usize = 256;

/// How many photographs are decoded at once: each may need a few hundred
/// megabytes.
const DECODED_AT_ONCE: usize = 2;

/// How many jobs with their photographs are in hand at once: the one that is
/// denoised and the next.
pub(crate) const AT_ONCE: usize = 2;

/// How many of the latest successes tell the pace of an engine that has not
/// worked yet.
const PACE_MEMORY: u32 = 20;

/// What the service, the worker and the upkeep share.
pub(crate) struct Shared {
    config: Current<JobsConfig>,
    pub(crate) ports: Ports,
    pub(crate) store: Store,
    pub(crate) queue: Arc<dyn JobQueue>,
    pub(crate) keys: Keys,
    pub(crate) buckets: Buckets,
    pub(crate) photographs: Photographs,
    pub(crate) rates: Rates,
    pub(crate) readers: Readers,
    pub(crate) in_hand: InHand,
    pub(crate) turns: Turns,
    pub(crate) engine: EngineSlot,
    /// For the jobs that are with the engine, or decode their photographs for
    /// it; first come, first served.
    pub(crate) engine_places: Semaphore,
    /// The engine hangs.
    pub(crate) engine_hung: CancellationToken,
    pace: Mutex<Pace>,
    /// There may be a job to claim.
    pub(crate) work: Notify,
    /// There may be a webhook to deliver.
    webhooks: Notify,
    /// There may be pictures to upload.
    uploads: Notify,
    /// These jobs have ended.
    pub(crate) ended: broadcast::Sender<JobId>,
    /// No job is taken in or claimed any more.
    pub(crate) draining: CancellationToken,
    /// No job will end any more, except by being cancelled.
    pub(crate) stopped: CancellationToken,
    decoding: Arc<Semaphore>,
    lock: Mutex<FolderLock>,
}

impl Shared {
    /// Opens the database and requeues what a former process left.
    pub(crate) async fn open(config: JobsConfig, ports: Ports) -> Result<Self, StoreError> {
        let (lock, death) = FolderLock::acquire(&config.database)?;
        let store = Store::open(&config.database).await?;
        let queue: Arc<dyn JobQueue> = Arc::new(SqliteQueue::new(store.clone()));
        let pace = Pace::from_times(&queue.latest_times(PACE_MEMORY).await?);
        metrics::describe();
        let shared = Self {
            keys: Keys::new(store.clone(), Arc::clone(&ports.clock)),
            buckets: Buckets::new(
                ports.bucket.clone(),
                ports.key_buckets.clone(),
                ports.master_key.clone(),
                store.clone(),
            ),
            config: Current::new(config),
            ports,
            store,
            queue,
            photographs: Photographs::default(),
            rates: Rates::default(),
            readers: Readers::default(),
            in_hand: InHand::default(),
            turns: Turns::default(),
            engine: EngineSlot::default(),
            engine_places: Semaphore::new(AT_ONCE),
            engine_hung: CancellationToken::new(),
            pace: Mutex::new(pace),
            work: Notify::new(),
            webhooks: Notify::new(),
            uploads: Notify::new(),
            ended: broadcast::Sender::new(ENDS_REMEMBERED),
            draining: CancellationToken::new(),
            stopped: CancellationToken::new(),
            decoding: Arc::new(Semaphore::new(DECODED_AT_ONCE)),
            lock: Mutex::new(lock),
        };
        shared
            .reclaim(Workers::All(death), shared.ports.clock.now())
            .await?;
        shared.lock().forget_death();
        shared.store.recover_deliveries().await?;
        Ok(shared)
    }

    /// Takes jobs back from workers that died, and tells of those that are
    /// given up.
    pub(crate) async fn reclaim(&self, from: Workers, now: Timestamp) -> Result<(), StoreError> {
        let max_attempts = self.config().max_attempts;
        let Reclaimed { requeued, failed } = self.queue.reclaim(from, max_attempts, now).await?;
        for job in requeued {
            tracing::warn!(%job, "the worker of a job died, the job waits again");
        }
        for id in failed {
            tracing::error!(job = %id, max_attempts, "a job is given up, its workers died");
            if let Some(job) = self.queue.find(None, id).await? {
                self.tell_end(&job);
            }
        }
        Ok(())
    }

    /// Sees to it that the lock of the database is held, though its file may have
    /// been removed. May block.
    pub(crate) fn keep_lock(&self) -> Result<(), StoreError> {
        self.lock().keep()
    }

    /// The process is about to end because of what the engine is at.
    pub(crate) fn note_death_from_inside(&self) {
        self.lock().note_death_from_inside();
    }

    fn lock(&self) -> MutexGuard<'_, FolderLock> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The engine has not given a sign of life for so long.
    pub(crate) fn give_up_engine(&self, patience: Duration) {
        self.note_death_from_inside();
        tracing::error!(
            ?patience,
            "the engine hangs, this process must be started again"
        );
        self.engine_hung.cancel();
    }

    /// Tells whoever waits that a job has ended, once that is written.
    pub(crate) fn tell_end(&self, job: &Job) {
        metrics::job_ended(job.state);
        self.photographs.forget(&job.file_prefix);
        // Nobody may be waiting.
        let _ = self.ended.send(job.id);
        self.work.notify_one();
        if job.request.webhook().is_some() {
            self.webhooks.notify_one();
        }
    }

    /// Told when there may be something of this kind to deliver. Uploads are
    /// due only seconds after they are written down, so nobody tells of them.
    pub(crate) fn mail(&self, kind: DeliveryKind) -> &Notify {
        match kind {
            DeliveryKind::Webhook => &self.webhooks,
            DeliveryKind::Upload => &self.uploads,
        }
    }

    /// The numbers that count at this moment.
    pub(crate) fn config(&self) -> Arc<JobsConfig> {
        self.config.get()
    }

    /// Replaces the numbers.
    pub(crate) fn reconfigure(&self, config: JobsConfig) {
        self.config.set(config);
    }

    /// The measured pace.
    pub(crate) fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does `work` to its end, even if the caller goes away meanwhile.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, JobError>> + Send + 'static,
) -> Result<T, JobError> {
    let task = tokio::spawn(work.in_current_span()).await;
    task.unwrap_or_else(|error| Err(JobError::BrokeDown(broken_task::reason(&error))))
}
