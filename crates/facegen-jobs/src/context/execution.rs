use std::sync::{Mutex, MutexGuard, PoisonError};

use facegen_core::job::JobId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::engine_permits::EnginePermits;
use super::engine_slot::EngineSlot;
use super::engine_start_times::EngineStartTimes;
use super::other_nodes::OtherNodes;
use super::previews::Previews;
use super::running_jobs::{RunningJobs, work_left};
use super::steps_elsewhere::StepsElsewhere;
use super::throughput::Throughput;

/// The engines and what runs on them; the worker changes it, estimates read it.
pub(crate) struct Execution {
    pub(crate) engines: EngineSlot,
    /// Permits of the jobs that an engine has, or whose photos are decoded for
    /// one; first come, first served.
    pub(crate) engine_permits: EnginePermits,
    pub(crate) engine_start_times: EngineStartTimes,
    pub(crate) running_jobs: RunningJobs,
    pub(crate) steps_elsewhere: StepsElsewhere,
    other_nodes: Mutex<OtherNodes>,
    /// How many callers wait for the ends of jobs.
    waiters: watch::Sender<usize>,
    pub(crate) previews: Previews,
    throughput: Mutex<Throughput>,
    /// Cancelled when the last engine hangs.
    pub(crate) engine_hung: CancellationToken,
    /// Cancelled when no job is accepted or claimed any more.
    pub(crate) draining: CancellationToken,
    /// Cancelled when no job ends any more, except by being cancelled.
    pub(crate) stopped: CancellationToken,
}

impl Execution {
    pub(super) fn new(throughput: Throughput) -> Self {
        Self {
            engines: EngineSlot::default(),
            engine_permits: EnginePermits::default(),
            engine_start_times: EngineStartTimes::default(),
            running_jobs: RunningJobs::default(),
            steps_elsewhere: StepsElsewhere::default(),
            other_nodes: Mutex::default(),
            waiters: watch::Sender::default(),
            previews: Previews::default(),
            throughput: Mutex::new(throughput),
            engine_hung: CancellationToken::new(),
            draining: CancellationToken::new(),
            stopped: CancellationToken::new(),
        }
    }

    /// Returns the measured throughput.
    pub(crate) fn throughput(&self) -> MutexGuard<'_, Throughput> {
        self.throughput
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Records what other nodes are able to do.
    pub(crate) fn see_nodes(&self, others: OtherNodes) {
        *self.other_nodes() = others;
    }

    /// Returns how many engines take jobs, here and at other nodes.
    pub(crate) fn ready_engines(&self) -> usize {
        self.engines.ready() + self.other_nodes().engines
    }

    /// Returns how many networks other nodes have loaded.
    pub(crate) fn models_elsewhere(&self) -> usize {
        self.other_nodes().models
    }

    /// Returns how many denoising steps of this job are done, of how many, as
    /// far as that is known.
    pub(crate) fn steps(&self, id: JobId) -> Option<(usize, usize)> {
        let here = self.running_jobs.steps(id);
        here.or_else(|| self.steps_elsewhere.steps(id))
    }

    /// Returns how much is left of a job of this cost.
    pub(crate) fn work_left(&self, id: JobId, cost: u64) -> u64 {
        match self.steps_elsewhere.steps(id) {
            Some(steps) if self.running_jobs.steps(id).is_none() => work_left(cost, steps),
            Some(_) | None => self.running_jobs.work_left(id, cost),
        }
    }

    /// Counts a caller that waits, until the result is dropped.
    pub(crate) fn wait(&self) -> Waiter<'_> {
        self.waiters.send_modify(|count| *count += 1);
        Waiter(&self.waiters)
    }

    /// Waits until no caller waits.
    pub(crate) async fn no_waiters(&self) {
        // The sender is this one's own, so it is never gone.
        let _ = self.waiters.subscribe().wait_for(|count| *count == 0).await;
    }

    fn other_nodes(&self) -> MutexGuard<'_, OtherNodes> {
        self.other_nodes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller that waits, until this is dropped.
pub(crate) struct Waiter<'a>(&'a watch::Sender<usize>);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
