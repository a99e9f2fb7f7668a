//! Works on jobs: claims them, runs them on the engine, stores their images and
//! writes their ends.
//!
//! The worker is one job ahead of each engine: while the engine denoises as
//! many as it can hold, the next is prepared. Jobs whose photos have to be
//! fetched wait for them outside the engine's capacity, so that slow hosts do
//! not delay the jobs after them; they continue in the order in which their
//! photos arrive.
//!
//! An engine that hangs cannot be ended. It is abandoned, and with it the
//! process, which must be started again; a crash is then counted for each of
//! its jobs.
//!
//! A job over which a worker died may kill the next one too. So such a job runs
//! alone: it is claimed when nothing else is in flight, and nothing else is
//! claimed until it has ended.

mod attempt;
mod canary;
mod ending;
mod failures;
mod images;
mod outcome;
mod photo;
mod previews;
mod stop;
#[cfg(test)]
mod tests;
mod throttle;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::store::StoreError;
use facegen_core::store::{Claim, ClaimScope, DeadWorkers, NodeRole};
use facegen_core::store::{Event, Subscription};
use facegen_core::{EngineState, Timestamp};
use futures_util::FutureExt as _;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::broken_task;
use crate::context::WorkContext;
use crate::metrics;
use attempt::Attempt;
use outcome::AttemptOutcome;
use throttle::Throttle;

/// How often the worker polls, should it miss an event.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How many jobs that wait for their photos are in flight besides the others.
const FETCHING_AT_ONCE: usize = 4;

/// The pause after a store has failed a job; it doubles with each further
/// failure, so that an engine does not make images again and again that cannot
/// be stored.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Claims jobs and runs their attempts.
pub(crate) struct Worker {
    context: Arc<WorkContext>,
    /// Cancelled when running jobs are to be requeued.
    hand_back: CancellationToken,
    /// Cancelled when there will be no engine any more.
    engine_gone: CancellationToken,
    tasks: JoinSet<AttemptOutcome>,
    claims: HashMap<Id, Claim>,
    /// Whether the running job must stay alone.
    alone: bool,
    /// Before this time nothing is claimed.
    paused_until: Instant,
    /// Whether a store failed a job, and each test since then.
    stores_fail: bool,
    /// The pause should a store fail the next job.
    next_pause: Duration,
    last_reclaim: Timestamp,
    /// When the jobs that wait are counted.
    depth: Throttle,
}

impl Worker {
    /// Creates a worker, without starting it.
    pub(crate) fn new(
        context: Arc<WorkContext>,
        hand_back: CancellationToken,
        engine_gone: CancellationToken,
    ) -> Self {
        Self {
            last_reclaim: context.storage.clock.now(),
            context,
            hand_back,
            engine_gone,
            tasks: JoinSet::new(),
            claims: HashMap::new(),
            alone: false,
            paused_until: Instant::now(),
            stores_fail: false,
            next_pause: FIRST_PAUSE,
            depth: Throttle::default(),
        }
    }

    /// Works until no more jobs are claimed and none is running.
    pub(crate) async fn run(mut self) {
        // However the worker ends, waiters must not count on it.
        let _gone = self.engine_gone.clone().drop_guard();
        let _stopped = self.context.execution.stopped.clone().drop_guard();
        let context = Arc::clone(&self.context);
        // Before the first claim, so that no event is missed in between.
        let mut events = context.storage.stores.events.subscribe();
        while !(context.execution.draining.is_cancelled() && self.tasks.is_empty()) {
            if let Err(error) = self.look_after_queue().await {
                tracing::error!(%error, "job maintenance failed");
            }
            tokio::select! {
                () = woken(&mut *events, &context) => {}
                () = sleep(POLL_INTERVAL) => {}
                () = context.execution.draining.cancelled(), if !context.execution.draining.is_cancelled() => {}
                Some(ended) = self.tasks.join_next_with_id() => self.on_task_finished(ended).await,
            }
        }
    }

    async fn look_after_queue(&mut self) -> Result<(), StoreError> {
        self.watch_engines();
        self.end_pause_when_stores_work().await;
        self.reclaim_when_due().await?;
        self.claim_what_fits().await?;
        self.measure_depth().await
    }

    /// Counts the jobs that wait: that takes the longer the more there are, and the queue is
    /// looked after with each event of any node.
    async fn measure_depth(&mut self) -> Result<(), StoreError> {
        let pause = match self.context.profile.role {
            // An `api` node counts them as often.
            NodeRole::Worker => self.context.storage.config().heartbeat,
            NodeRole::All | NodeRole::Api => POLL_INTERVAL,
        };
        if self.depth.is_due(pause) {
            metrics::queue_depth(self.context.storage.stores.jobs.depth().await?);
        }
        Ok(())
    }

    /// Abandons engines that hang. The process ends once none is left.
    fn watch_engines(&self) {
        let patience = self.context.storage.config().step_timeout;
        for engine in self.context.execution.engines.give_up_hanging(patience) {
            tracing::error!(%engine, ?patience, "engine timed out, abandoned");
        }
        for engine in self.context.execution.engines.health() {
            metrics::engine_ready(&engine.name, engine.state == EngineState::Ready);
        }
        if !self.context.execution.engines.are_gone() {
            return;
        }
        if self.context.execution.engines.any_hung()
            && !self.context.execution.engine_hung.is_cancelled()
        {
            self.context.give_up_engines(patience);
        }
        self.engine_gone.cancel();
    }

    /// Requeues, once per heartbeat, the jobs whose leases have run out.
    async fn reclaim_when_due(&mut self) -> Result<(), StoreError> {
        let now = self.context.storage.clock.now();
        let lease = self.context.storage.config().lease;
        // A clock that was set back must not put this off.
        let early = now.since(self.last_reclaim) < self.context.storage.config().heartbeat;
        if early && now >= self.last_reclaim {
            return Ok(());
        }
        self.last_reclaim = now;
        // Not the ones running here, even if the clock was set forward just now.
        for fence in self.context.execution.running_jobs.fences() {
            self.context
                .storage
                .stores
                .jobs
                .heartbeat(fence, now + lease)
                .await?;
        }
        self.context
            .storage
            .reclaim(&DeadWorkers::Expired, now)
            .await
    }

    async fn claim_what_fits(&mut self) -> Result<(), StoreError> {
        while let Some(scope) = self.claim_scope() {
            let now = self.context.storage.clock.now();
            match self.claim(scope, now).await? {
                Some(claim) => self.begin(claim, now),
                None => break,
            }
        }
        Ok(())
    }

    async fn claim(&self, scope: ClaimScope, now: Timestamp) -> Result<Option<Claim>, StoreError> {
        let WorkContext {
            storage, worker, ..
        } = &*self.context;
        let lease_until = now + self.context.storage.config().lease;
        storage
            .stores
            .jobs
            .claim(scope, worker, now, lease_until)
            .await
    }

    /// Returns what may be claimed now; `None`: nothing.
    fn claim_scope(&self) -> Option<ClaimScope> {
        let room = self.context.execution.engines.room();
        // At least one, so that jobs that wait for an engine that is gone are requeued.
        self.context.execution.engine_permits.resize(room.max(1));
        let claims = !self.context.execution.draining.is_cancelled()
            && room > 0
            && self.is_shown()
            && !self.alone
            && Instant::now() >= self.paused_until;
        let fetching = self.context.execution.running_jobs.fetching();
        let others = self.tasks.len().saturating_sub(fetching);
        // A job that may crash only once must not be put at risk by a neighbour.
        let shares = self.context.storage.config().max_attempts > 1;
        if claims && self.tasks.is_empty() {
            Some(ClaimScope::Any)
        } else if !(claims && shares && others < room) {
            None
        } else if fetching < FETCHING_AT_ONCE {
            Some(ClaimScope::Unsuspected)
        } else {
            Some(ClaimScope::UnsuspectedInline)
        }
    }

    /// Returns whether the database knows which jobs are for this node.
    fn is_shown(&self) -> bool {
        let is_one_of_many = self.context.profile.role == NodeRole::Worker;
        !is_one_of_many || self.context.seen_orders.is_known()
    }

    fn begin(&mut self, claim: Claim, now: Timestamp) {
        self.alone = claim.crash_count > 0;
        if claim.fence.attempt == 1 {
            metrics::queue_wait(now.since(claim.job.created_at));
        }
        let span = tracing::info_span!("job", id = %claim.job.id, attempt = claim.fence.attempt);
        let attempt = Attempt::new(&self.context, claim.clone(), self.hand_back.clone());
        let task = self.tasks.spawn(attempt.run().instrument(span));
        self.claims.insert(task.id(), claim);
    }

    fn pause_after(&mut self, ended: AttemptOutcome) {
        match ended {
            AttemptOutcome::Succeeded => self.next_pause = FIRST_PAUSE,
            AttemptOutcome::EngineStopped => self.paused_until = Instant::now() + POLL_INTERVAL,
            AttemptOutcome::StoreFailed => {
                let pause = self.next_pause;
                tracing::warn!(?pause, "storage failed, claiming paused");
                self.paused_until = Instant::now() + pause;
                self.next_pause = LONGEST_PAUSE.min(pause * 2);
            }
            AttemptOutcome::Otherwise => {}
        }
    }

    /// Ends the pause after a failure of a store when one that failed works
    /// again. One that passes the test and yet fails jobs keeps its pause.
    async fn end_pause_when_stores_work(&mut self) {
        let pauses = self.next_pause > FIRST_PAUSE && Instant::now() < self.paused_until;
        if !pauses {
            return;
        }
        let works = canary::stores_work(&self.context.storage).await;
        if works && self.stores_fail {
            tracing::info!("storage recovered, claiming resumed");
            self.paused_until = Instant::now();
            self.next_pause = FIRST_PAUSE;
        }
        self.stores_fail = !works;
    }

    async fn on_task_finished(&mut self, ended: Result<(Id, AttemptOutcome), JoinError>) {
        match ended {
            Ok((task, ended)) => {
                self.claims.remove(&task);
                self.pause_after(ended);
            }
            Err(error) => {
                let reason = broken_task::reason(&error);
                tracing::error!(reason, "job task panicked");
                if let Some(claim) = self.claims.remove(&error.id()) {
                    ending::break_down(&self.context, &claim).await;
                }
            }
        }
        if self.tasks.is_empty() {
            self.alone = false;
            self.context.execution.throughput().reset_clock();
        }
    }
}

/// Returns when there may be a job to claim. Stops the work on jobs that are
/// cancelled meanwhile.
async fn woken(events: &mut dyn Subscription, context: &WorkContext) {
    while !is_wake_up(events.next().await, context) {}
    // One query is enough for all events that are there.
    while let Some(event) = events.next().now_or_never() {
        is_wake_up(event, context);
    }
}

fn is_wake_up(event: Event, context: &WorkContext) -> bool {
    match event {
        Event::JobQueued | Event::JobEnded(_) | Event::Missed => true,
        Event::JobCancelled(id) => {
            context.execution.running_jobs.cancel(id);
            false
        }
        Event::DeliveryDue(_) | Event::Progress { .. } | Event::Ordered => false,
    }
}
