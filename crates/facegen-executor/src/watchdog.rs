//! The time that a backend has spent in one call, by which one that hangs is
//! detected: its thread cannot be ended from outside, but be abandoned.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When the current call of the backend began.
#[derive(Debug, Default)]
pub(crate) struct Watchdog(Mutex<Option<Instant>>);

impl Watchdog {
    /// Records that a call begins.
    pub(crate) fn begin(&self) {
        self.set(Some(Instant::now()));
    }

    /// Records that the call has ended, in any way.
    pub(crate) fn end(&self) {
        self.set(None);
    }

    /// Returns how long the current call has been running; zero when none is.
    pub(crate) fn busy_for(&self) -> Duration {
        let begun = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.map_or(Duration::ZERO, |begun| begun.elapsed())
    }

    fn set(&self, begun: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = begun;
    }
}
