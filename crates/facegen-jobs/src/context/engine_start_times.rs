//! When the engine begins with each job.
//!
//! A job is submitted while the one before it is still denoised, and what it
//! waits there is no work on it: the engine begins with it when it is
//! submitted, or when the last other job leaves the engine before its first
//! step is done. Jobs that share their steps have all begun when they were
//! submitted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use facegen_core::Clock;

/// When a job last left the engine, by the monotonic clock as all moments here.
/// Clones are the same moment.
#[derive(Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<Option<Duration>>>);

impl Turns {
    /// A job is submitted now.
    pub(crate) fn submit(&self, clock: &Arc<dyn Clock>) -> Turn {
        Turn {
            turns: self.clone(),
            submitted: clock.monotonic(),
            clock: Arc::clone(clock),
            began: None,
        }
    }

    fn last_left(&self) -> Option<Duration> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self, now: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}

/// One job's time in the engine, which it leaves when this is dropped.
pub(crate) struct Turn {
    turns: Turns,
    clock: Arc<dyn Clock>,
    submitted: Duration,
    began: Option<Duration>,
}

impl Turn {
    /// When the engine began with the job; to be asked at each step, the first
    /// of which decides.
    pub(crate) fn began(&mut self) -> Duration {
        let begins = || {
            let left = self.turns.last_left().unwrap_or(self.submitted);
            self.submitted.max(left)
        };
        *self.began.get_or_insert_with(begins)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.left(self.clock.monotonic());
    }
}

#[cfg(test)]
mod tests {
    use facegen_core::fake::ManualClock;

    use super::*;

    /// Two jobs that are submitted one second after the other, and the clock
    /// of both, another second later.
    fn two() -> (Turn, Turn, ManualClock) {
        let clock = ManualClock::new();
        let (turns, port): (_, Arc<dyn Clock>) = (Turns::default(), Arc::new(clock.clone()));
        let first = turns.submit(&port);
        clock.advance(Duration::from_secs(1));
        let second = turns.submit(&port);
        clock.advance(Duration::from_secs(1));
        (first, second, clock)
    }

    #[test]
    fn a_job_begins_when_it_is_submitted_to_a_free_engine() {
        let (mut first, _second, clock) = two();
        assert_eq!(first.began(), clock.monotonic() - Duration::from_secs(2));
        clock.advance(Duration::from_secs(1));
        assert_eq!(first.began(), clock.monotonic() - Duration::from_secs(3));
        let (turns, port) = (first.turns.clone(), Arc::clone(&first.clock));
        drop(first);
        clock.advance(Duration::from_secs(1));
        assert_eq!(turns.submit(&port).began(), clock.monotonic());
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
}
