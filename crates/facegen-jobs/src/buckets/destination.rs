//! A bucket, and whether it is worth asking.
//!
//! A bucket that does not answer would hold up every job for as long as it is
//! waited for. So after a failure it is left alone for a while: images go to
//! the directory of the server at once, and an upload of an earlier job, which is
//! waited for by nobody, finds out when the bucket works again.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Bucket;

/// How long a bucket that failed is left alone.
const OPEN_FOR: Duration = Duration::from_secs(60);

/// A bucket, and whether it is worth asking.
pub(crate) struct Destination {
    bucket: Bucket,
    /// By the monotonic clock.
    rests_until: Mutex<Option<Duration>>,
}

impl Destination {
    /// A bucket of which nothing bad is known.
    pub(crate) fn new(bucket: Bucket) -> Self {
        Self {
            bucket,
            rests_until: Mutex::default(),
        }
    }

    /// The bucket.
    pub(crate) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Whether the bucket is left alone at this moment.
    pub(crate) fn is_open(&self, now: Duration) -> bool {
        let until = *self
            .rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| now < until)
    }

    /// The bucket did not take an image.
    pub(crate) fn on_failure(&self, now: Duration) {
        self.set(Some(now + OPEN_FOR));
    }

    /// The bucket took all images of a job.
    pub(crate) fn on_success(&self) {
        self.set(None);
    }

    /// The bucket is asked again at once, whatever it did before.
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
    fn a_bucket_rests_for_a_minute_after_a_failure_or_until_it_works() {
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
