//! A clock that a test controls.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::{Clock, SystemClock, Timestamp};

/// A clock that starts at the machine's time and advances only on request.
/// Clones share the time.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<ClockState>);

#[derive(Debug)]
struct ClockState {
    now: AtomicI64,
    /// Milliseconds since the clock was created.
    monotonic: AtomicI64,
}

impl ManualClock {
    /// Creates a clock that starts at the machine's time.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(ClockState {
            now: AtomicI64::new(SystemClock.now().as_millis()),
            monotonic: AtomicI64::new(0),
        }))
    }

    /// Advances both clocks.
    pub fn advance(&self, by: Duration) {
        self.set_forward(by);
        let by = Timestamp::from_millis(0) + by;
        let monotonic = &self.0.monotonic;
        monotonic.fetch_add(by.as_millis(), Ordering::AcqRel);
    }

    /// Sets the time of day forward, but not the monotonic clock.
    pub fn set_forward(&self, by: Duration) {
        self.set(self.now() + by);
    }

    /// Sets the time of day back, but not the monotonic clock.
    pub fn set_back(&self, by: Duration) {
        self.set(self.now() - by);
    }

    fn set(&self, now: Timestamp) {
        self.0.now.store(now.as_millis(), Ordering::Release);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now.load(Ordering::Acquire))
    }

    fn monotonic(&self) -> Duration {
        let millis = self.0.monotonic.load(Ordering::Acquire);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}
