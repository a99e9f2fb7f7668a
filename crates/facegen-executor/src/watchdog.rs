//! Since when a backend has been at one call, by which one that hangs is
//! noticed: its thread cannot be ended from outside, but it can be given up.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When the call of the backend began that is going on.
#[derive(Debug, Default)]
pub(crate) struct Watchdog(Mutex<Option<Instant>>);

impl Watchdog {
    /// A call begins.
    pub(crate) fn begin(&self) {
        self.set(Some(Instant::now()));
    }

    /// The call is over, in whatever way.
    pub(crate) fn end(&self) {
        self.set(None);
    }

    /// How long the call has been going on; nothing when none is.
    pub(crate) fn busy_for(&self) -> Duration {
        let begun = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.map_or(Duration::ZERO, |begun| begun.elapsed())
    }

    fn set(&self, begun: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = begun;
    }
}
