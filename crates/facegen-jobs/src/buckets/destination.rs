//! A bucket with its circuit breaker.
//!
//! A bucket that does not answer would delay every job by its timeout. So after
//! a failure it is skipped for a while: images go to the local directory at
//! once, and an upload of an earlier job, on which no caller waits, finds out
//! when the bucket works again.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Bucket;

/// How long a bucket is skipped after a failure.
const OPEN_FOR: Duration = Duration::from_secs(60);

/// A bucket with its circuit breaker.
pub(crate) struct Destination {
    bucket: Bucket,
    /// Until when the bucket is skipped, by the monotonic clock.
    rests_until: Mutex<Option<Duration>>,
}

impl Destination {
    /// Creates a destination whose circuit is closed.
    pub(crate) fn new(bucket: Bucket) -> Self {
        Self {
            bucket,
            rests_until: Mutex::default(),
        }
    }

    /// Returns the bucket.
    pub(crate) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Returns whether the circuit is open, so that the bucket is skipped.
    pub(crate) fn is_open(&self, now: Duration) -> bool {
        let until = *self
            .rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| now < until)
    }

    /// Opens the circuit: the bucket did not take an image.
    pub(crate) fn on_failure(&self, now: Duration) {
        self.set(Some(now + OPEN_FOR));
    }

    /// Closes the circuit: the bucket took all images of a job.
    pub(crate) fn on_success(&self) {
        self.set(None);
    }

    /// Closes the circuit, whatever the bucket did before.
    pub(crate) fn reset(&self) {
        self.set(None);
    }

    fn set(&self, until: Option<Duration>) {
        *self
            .rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Destination")
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use facegen_core::SystemClock;
    use facegen_core::fake::MemoryStore;

    use super::*;

    #[test]
    fn a_bucket_is_skipped_for_a_minute_after_a_failure_or_until_it_works() {
        let destination = Destination::new(Bucket {
            store: Arc::new(MemoryStore::new(Arc::new(SystemClock))),
            link_base: "https://cdn.example/".into(),
            patience: Duration::ZERO,
        });
        let now = Duration::from_secs(1_000);
        assert!(!destination.is_open(now));
        destination.on_failure(now);
        assert!(destination.is_open(now + OPEN_FOR - Duration::from_millis(1)));
        assert!(!destination.is_open(now + OPEN_FOR));
        destination.on_failure(now);
        destination.on_success();
        assert!(!destination.is_open(now));
        destination.on_failure(now);
        destination.reset();
        assert!(!destination.is_open(now));
    }
}
