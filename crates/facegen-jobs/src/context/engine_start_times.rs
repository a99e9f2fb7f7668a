//! When the engine begins with each job.
//!
//! A job is submitted while the one before it is still denoised, and that wait
//! is not part of its own time: the engine begins with it when it is submitted,
//! or when the last other job leaves the engine before its first step is done.
//! Jobs that share their steps have all begun when they were submitted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use facegen_core::{Clock, EngineName};

/// When a job last left each engine, by the monotonic clock as all times here.
/// Clones share the same times.
#[derive(Clone, Default)]
pub(crate) struct EngineStartTimes(Arc<Mutex<HashMap<EngineName, Duration>>>);

impl EngineStartTimes {
    /// Records that a job is submitted to this engine now.
    pub(crate) fn submit(&self, engine: &EngineName, clock: &Arc<dyn Clock>) -> EngineStart {
        EngineStart {
            engine: engine.clone(),
            times: self.clone(),
            submitted: clock.monotonic(),
            clock: Arc::clone(clock),
            began: None,
        }
    }

    fn last_left(&self, engine: &EngineName) -> Option<Duration> {
        self.lock().get(engine).copied()
    }

    fn left(&self, engine: &EngineName, now: Duration) {
        self.lock().insert(engine.clone(), now);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EngineName, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One job's time in the engine, which it leaves when this is dropped.
pub(crate) struct EngineStart {
    engine: EngineName,
    times: EngineStartTimes,
    clock: Arc<dyn Clock>,
    submitted: Duration,
    began: Option<Duration>,
}

impl EngineStart {
    /// Returns the name of the engine.
    pub(crate) fn engine(&self) -> &EngineName {
        &self.engine
    }

    /// Returns when the engine began with the job. Must be called at each step;
    /// the first call decides.
    pub(crate) fn began(&mut self) -> Duration {
        let begins = || {
            let left = self.times.last_left(&self.engine).unwrap_or(self.submitted);
            self.submitted.max(left)
        };
        *self.began.get_or_insert_with(begins)
    }
}

impl Drop for EngineStart {
    fn drop(&mut self) {
        self.times.left(&self.engine, self.clock.monotonic());
    }
}

#[cfg(test)]
mod tests {
    use facegen_core::fake::ManualClock;

    use super::*;

    fn engine(number: u32) -> EngineName {
        EngineName::new(&format!("cuda:{number}"))
    }

    /// Returns two jobs that are submitted one second apart, and the clock of
    /// both, another second later.
    fn two() -> (EngineStart, EngineStart, ManualClock) {
        let clock = ManualClock::new();
        let (times, port): (_, Arc<dyn Clock>) =
            (EngineStartTimes::default(), Arc::new(clock.clone()));
        let first = times.submit(&engine(0), &port);
        clock.advance(Duration::from_secs(1));
        let second = times.submit(&engine(0), &port);
        clock.advance(Duration::from_secs(1));
        (first, second, clock)
    }

    #[test]
    fn a_job_begins_when_it_is_submitted_to_a_free_engine() {
        let (mut first, _second, clock) = two();
        assert_eq!(first.began(), clock.monotonic() - Duration::from_secs(2));
        clock.advance(Duration::from_secs(1));
        assert_eq!(first.began(), clock.monotonic() - Duration::from_secs(3));
        let (times, port) = (first.times.clone(), Arc::clone(&first.clock));
        drop(first);
        clock.advance(Duration::from_secs(1));
        assert_eq!(times.submit(&engine(0), &port).began(), clock.monotonic());
    }

    #[test]
    fn a_job_that_waits_begins_when_the_one_before_leaves() {
        let (first, mut second, clock) = two();
        drop(first);
        let left = clock.monotonic();
        clock.advance(Duration::from_secs(1));
        assert_eq!(second.began(), left);
    }

    #[test]
    fn a_job_that_shares_the_steps_of_another_has_begun_when_it_was_submitted() {
        let (first, mut second, clock) = two();
        let began = second.began();
        assert_eq!(began, clock.monotonic() - Duration::from_secs(1));
        drop(first);
        assert_eq!(second.began(), began);
    }

    #[test]
    fn jobs_that_leave_another_engine_change_nothing() {
        let (first, _second, clock) = two();
        let mut other = first.times.submit(&engine(1), &first.clock);
        let submitted = clock.monotonic();
        clock.advance(Duration::from_secs(1));
        drop(first);
        assert_eq!(other.began(), submitted);
    }
}
