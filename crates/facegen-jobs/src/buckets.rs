//! The bucket that pictures go to, and whether it is worth asking.
//!
//! A bucket that does not answer would hold up every job for as long as it is
//! waited for. So after a failure it is left alone for a while: pictures go to
//! the folder of the server at once, and an upload of an earlier job, which is
//! waited for by nobody, finds out when the bucket works again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use facegen_core::{ImageStore, Timestamp};

/// How long a bucket that failed is left alone.
const REST: Duration = Duration::from_secs(60);

/// A store whose objects callers read at links of its own.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The store. What it has taken can be read at its link.
    pub store: Arc<dyn ImageStore>,
    /// What links to its objects begin with; their names follow.
    pub link_base: String,
    /// How long it may take for the pictures of a job that is waited for.
    pub patience: Duration,
}

/// The bucket of every job, if there is one.
pub(crate) struct Buckets {
    bucket: Option<Bucket>,
    rests_until: Mutex<Option<Timestamp>>,
}

impl Buckets {
    /// The bucket of all jobs.
    pub(crate) fn new(bucket: Option<Bucket>) -> Self {
        Self {
            bucket,
            rests_until: Mutex::default(),
        }
    }

    /// Where pictures belong; `None`: in the folder.
    pub(crate) fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    /// Whether the bucket is left alone at this moment.
    pub(crate) fn rests(&self, now: Timestamp) -> bool {
        let until = *self
            .rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not prolong the rest.
        until.is_some_and(|until| now < until && until.since(now) <= REST)
    }

    /// The bucket did not take a picture.
    pub(crate) fn failed(&self, now: Timestamp) {
        self.set(Some(now + REST));
    }

    /// The bucket took all pictures of a job.
    pub(crate) fn worked(&self) {
        self.set(None);
    }

    /// The bucket is asked again at once, whatever it did before.
    pub(crate) fn wake(&self) {
        self.set(None);
    }

    fn set(&self, until: Option<Timestamp>) {
        *self
            .rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Buckets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_rests_for_a_minute_after_a_failure_or_until_it_works() {
        let buckets = Buckets::new(None);
        let now = Timestamp::from_millis(1_000_000);
        assert!(!buckets.rests(now));
        buckets.failed(now);
        assert!(buckets.rests(now + REST - Duration::from_millis(1)));
        assert!(!buckets.rests(now + REST));
        assert!(!buckets.rests(now - Duration::from_millis(1)), "set back");
        buckets.failed(now);
        buckets.worked();
        assert!(!buckets.rests(now));
        buckets.failed(now);
        buckets.wake();
        assert!(!buckets.rests(now));
    }
}
