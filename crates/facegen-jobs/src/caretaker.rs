//! What a node without engines does for jobs: it takes back those of workers
//! that are gone, also when no worker is left, and hears how far they are.

use std::sync::Arc;

use facegen_core::store::{DeadWorkers, StoreError, Subscription};
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use crate::context::WorkContext;
use crate::metrics;

/// Looks after the jobs of other nodes.
pub(crate) struct Caretaker {
    context: Arc<WorkContext>,
    /// Cancelled when callers are not to wait any longer.
    hand_back: CancellationToken,
}

impl Caretaker {
    /// Creates it, without starting it.
    pub(crate) fn new(context: Arc<WorkContext>, hand_back: CancellationToken) -> Self {
        Self { context, hand_back }
    }

    /// Works until no request is accepted and no caller waits any more.
    pub(crate) async fn run(self) {
        let context = Arc::clone(&self.context);
        // Waiters must not count on jobs of which this process does not hear.
        let _stopped = context.execution.stopped.clone().drop_guard();
        let events = context.storage.stores.events.subscribe();
        tokio::select! {
            () = hear(&context, events) => {}
            () = self.look_after_jobs() => {}
            () = self.until_last_waiter() => {}
        }
    }

    async fn look_after_jobs(&self) {
        let period = self.context.storage.config().heartbeat;
        let mut heartbeat = interval(period.max(std::time::Duration::from_millis(1)));
        loop {
            let begin: Instant = heartbeat.tick().await;
            if let Err(error) = self.look_after_queue().await {
                tracing::error!(%error, "job maintenance failed");
            }
            tracing::trace!(took = ?begin.elapsed(), "jobs looked after");
        }
    }

    async fn look_after_queue(&self) -> Result<(), StoreError> {
        let storage = &self.context.storage;
        let now = storage.clock.now();
        storage.reclaim(&DeadWorkers::Expired, now).await?;
        metrics::queue_depth(storage.stores.jobs.depth().await?);
        Ok(())
    }

    /// Returns when the process is stopping and no caller waits, or when those
    /// that do have waited long enough.
    async fn until_last_waiter(&self) {
        let execution = &self.context.execution;
        execution.draining.cancelled().await;
        tokio::select! {
            () = execution.no_waiters() => {}
            () = self.hand_back.cancelled() => {}
        }
    }
}

async fn hear(context: &WorkContext, mut events: Box<dyn Subscription>) {
    loop {
        let event = events.next().await;
        context.execution.steps_elsewhere.hear(event);
    }
}
