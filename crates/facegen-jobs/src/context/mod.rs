//! What the service, the worker, the deliveries and the janitor share.

pub(crate) mod decoding;
pub(crate) mod engine_places;
pub(crate) mod engine_slot;
pub(crate) mod engine_start_times;
pub(crate) mod photo_cache;
pub(crate) mod readers;
pub(crate) mod running_jobs;
pub(crate) mod throughput;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use facegen_core::job::Job;
use facegen_core::store::{
    DeadWorkers, DeliveryKind, Event, Reclaimed, StoreError, Stores, WorkerId,
};
use facegen_core::{Current, Timestamp};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::broken_task;
use crate::buckets::Buckets;
use crate::error::JobError;
use crate::keys::Keys;
use crate::metrics;
use crate::ports::{JobsConfig, Ports};
use engine_places::EnginePlaces;
use engine_slot::EngineSlot;
use engine_start_times::EngineStartTimes;
use photo_cache::PhotoCache;
use readers::Readers;
use running_jobs::RunningJobs;
use throughput::Throughput;

/// How many photographs are decoded at once: each may need a few hundred
/// megabytes.
const DECODED_AT_ONCE: usize = 2;

/// How many of the latest successes give the throughput of an engine that has not
/// worked yet.
const REMEMBERED_JOBS: u32 = 20;

/// What the service, the worker and the upkeep share.
pub(crate) struct Shared {
    config: Current<JobsConfig>,
    pub(crate) ports: Ports,
    pub(crate) stores: Stores,
    /// The name by which this process claims.
    pub(crate) worker: WorkerId,
    pub(crate) keys: Keys,
    pub(crate) buckets: Buckets,
    pub(crate) photo_cache: PhotoCache,
    pub(crate) readers: Readers,
    pub(crate) running_jobs: RunningJobs,
    pub(crate) engine_start_times: EngineStartTimes,
    pub(crate) engine: EngineSlot,
    /// For the jobs that are with the engine, or decode their photographs for
    /// it; first come, first served.
    pub(crate) engine_places: EnginePlaces,
    /// The engine hangs.
    pub(crate) engine_hung: CancellationToken,
    throughput: Mutex<Throughput>,
    /// No job is taken in or claimed any more.
    pub(crate) draining: CancellationToken,
    /// No job will end any more, except by being cancelled.
    pub(crate) stopped: CancellationToken,
    decoding: Arc<Semaphore>,
}

impl Shared {
    /// Opens the database and requeues what a former process left.
    pub(crate) async fn open(
        config: JobsConfig,
        ports: Ports,
        stores: Stores,
    ) -> Result<Self, StoreError> {
        let throughput = Throughput::from_times(&stores.jobs.latest_times(REMEMBERED_JOBS).await?);
        metrics::describe();
        let shared = Self {
            keys: Keys::new(Arc::clone(&stores.keys), Arc::clone(&ports.clock)),
            buckets: Buckets::new(
                ports.bucket.clone(),
                ports.key_buckets.clone(),
                ports.master_key.clone(),
                Arc::clone(&stores.buckets),
            ),
            worker: WorkerId::new(Uuid::new_v4()),
            config: Current::new(config),
            ports,
            stores,
            photo_cache: PhotoCache::default(),
            readers: Readers::default(),
            running_jobs: RunningJobs::default(),
            engine_start_times: EngineStartTimes::default(),
            engine: EngineSlot::default(),
            engine_places: EnginePlaces::default(),
            engine_hung: CancellationToken::new(),
            throughput: Mutex::new(pace),
            draining: CancellationToken::new(),
            stopped: CancellationToken::new(),
            decoding: Arc::new(Semaphore::new(DECODED_AT_ONCE)),
        };
        if shared.stores.health.is_exclusive() {
            shared.reclaim_former_workers().await?;
        }
        Ok(shared)
    }

    /// Requeues what every other worker has claimed, all of which are dead.
    async fn reclaim_former_workers(&self) -> Result<(), StoreError> {
        let Stores {
            jobs,
            deliveries,
            health,
            ..
        } = &self.stores;
        let death = health.former_death();
        for id in jobs.workers().await? {
            let dead = DeadWorkers::Worker { id, death };
            self.reclaim(&dead, self.ports.clock.now()).await?;
        }
        health.forget_death();
        for id in deliveries.workers().await? {
            deliveries.reclaim_worker(&id).await?;
        }
        Ok(())
    }

    /// Takes jobs back from workers that died, and tells of those that are
    /// given up.
    pub(crate) async fn reclaim(
        &self,
        dead: &DeadWorkers,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let max_attempts = self.config().max_attempts;
        let jobs = &self.stores.jobs;
        let Reclaimed { requeued, failed } = jobs.reclaim(dead, max_attempts, now).await?;
        for job in requeued {
            tracing::warn!(%job, "the worker of a job died, the job waits again");
        }
        for id in failed {
            tracing::error!(job = %id, max_attempts, "a job is given up, its workers died");
            if let Some(job) = jobs.find(None, id).await? {
                self.tell_end(&job);
            }
        }
        Ok(())
    }

    /// The last engine hangs, at one call for longer than `patience`.
    pub(crate) fn give_up_engines(&self, patience: Duration) {
        self.stores.health.record_death_from_inside();
        tracing::error!(
            ?patience,
            "the engine hangs, this process must be started again"
        );
        self.engine_hung.cancel();
    }

    /// Tells whoever waits that a job has ended, once that is written.
    pub(crate) fn tell_end(&self, job: &Job) {
        metrics::job_ended(job.state);
        self.photo_cache.forget(&job.file_prefix);
        self.publish(Event::JobEnded(job.id));
        if job.request.delivery.webhook.is_some() {
            self.publish(Event::DeliveryDue(DeliveryKind::Webhook));
        }
    }

    /// Tells whoever waits for it.
    pub(crate) fn publish(&self, event: Event) {
        self.stores.events.publish(event);
    }

    /// The numbers that count at this moment.
    pub(crate) fn config(&self) -> Arc<JobsConfig> {
        self.config.get()
    }

    /// Replaces the numbers.
    pub(crate) fn reconfigure(&self, config: JobsConfig) {
        self.config.set(config);
    }

    /// The measured throughput.
    pub(crate) fn throughput(&self) -> MutexGuard<'_, Throughput> {
        self.throughput
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does `work` to its end, even if the caller goes away meanwhile.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, JobError>> + Send + 'static,
) -> Result<T, JobError> {
    let task = tokio::spawn(work.in_current_span()).await;
    task.unwrap_or_else(|error| Err(JobError::BrokeDown(broken_task::reason(&error))))
}
