use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::engine_permits::EnginePermits;
use super::engine_slot::EngineSlot;
use super::engine_start_times::EngineStartTimes;
use super::running_jobs::RunningJobs;
use super::throughput::Throughput;

/// The engines and what runs on them; the worker changes it, estimates read it.
pub(crate) struct Execution {
    pub(crate) engines: EngineSlot,
    /// Permits of the jobs that an engine has, or whose photos are decoded for
    /// one; first come, first served.
    pub(crate) engine_permits: EnginePermits,
    pub(crate) engine_start_times: EngineStartTimes,
    pub(crate) running_jobs: RunningJobs,
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
}
