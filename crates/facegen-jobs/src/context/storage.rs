use std::sync::Arc;

use facegen_core::job::Job;
use facegen_core::store::{
    DeadWorkers, DeliveryKind, Event, Reclaimed, StoreError, Stores, WorkerId,
};
use facegen_core::{Clock, Current, ImageStore, Timestamp};

use super::photo_cache::PhotoCache;
use super::readers::Readers;
use crate::buckets::Buckets;
use crate::metrics;
use crate::ports::{JobsConfig, Ports};

/// Where jobs and their files are, with the settings and the clock that decide how long.
pub(crate) struct Storage {
    config: Current<JobsConfig>,
    pub(crate) stores: Stores,
    pub(crate) images: Arc<dyn ImageStore>,
    pub(crate) buckets: Buckets,
    pub(crate) photo_cache: PhotoCache,
    pub(crate) readers: Readers,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Storage {
    pub(super) fn new(config: JobsConfig, ports: &Ports, stores: Stores) -> Self {
        Self {
            config: Current::new(config),
            images: Arc::clone(&ports.images),
            buckets: Buckets::new(
                ports.bucket.clone(),
                ports.key_buckets.clone(),
                ports.master_key.clone(),
                Arc::clone(&stores.buckets),
            ),
            photo_cache: PhotoCache::default(),
            readers: Readers::default(),
            clock: Arc::clone(&ports.clock),
            stores,
        }
    }

    /// Returns the current settings.
    pub(crate) fn config(&self) -> Arc<JobsConfig> {
        self.config.get()
    }

    /// Replaces the settings.
    pub(crate) fn reconfigure(&self, config: JobsConfig) {
        self.config.set(config);
    }

    /// Clears the caches: photos that were decoded ahead, and failures of
    /// buckets.
    pub(crate) async fn clear_caches(&self) {
        self.photo_cache.clear();
        self.buckets.reset().await;
    }

    /// Publishes an event to its subscribers.
    pub(crate) fn publish(&self, event: Event) {
        self.stores.events.publish(event);
    }

    /// Publishes that a job has ended, once that is written.
    pub(crate) fn notify_ended(&self, job: &Job) {
        metrics::job_ended(job.state);
        self.photo_cache.forget(&job.file_prefix);
        self.publish(Event::JobEnded(job.id));
        if job.request.delivery.webhook.is_some() {
            self.publish(Event::DeliveryDue(DeliveryKind::Webhook));
        }
    }

    /// Requeues the jobs of workers that died, and publishes those that failed for it.
    pub(crate) async fn reclaim(
        &self,
        dead: &DeadWorkers,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let max_attempts = self.config().max_attempts;
        let jobs = &self.stores.jobs;
        let Reclaimed { requeued, failed } = jobs.reclaim(dead, max_attempts, now).await?;
        for job in requeued {
            tracing::warn!(%job, "job requeued, its worker died");
        }
        for id in failed {
            tracing::error!(job = %id, max_attempts, "job failed, its workers died");
            if let Some(job) = jobs.find(None, id).await? {
                self.notify_ended(&job);
            }
        }
        Ok(())
    }

    /// Requeues what every other worker has claimed, all of which are dead:
    /// this process has the stores for itself.
    pub(super) async fn reclaim_former_workers(&self) -> Result<(), StoreError> {
        let Stores {
            jobs,
            deliveries,
            health,
            ..
        } = &self.stores;
        let death = health.former_death();
        for id in jobs.workers().await? {
            let dead = DeadWorkers::Worker { id, death };
            self.reclaim(&dead, self.clock.now()).await?;
        }
        health.forget_death();
        let senders: Vec<WorkerId> = deliveries.workers().await?;
        for id in senders {
            deliveries.reclaim_worker(&id).await?;
        }
        Ok(())
    }
}
