//! The port to what happens to jobs, for those who wait for it.

use std::fmt;

use async_trait::async_trait;

use super::deliveries::DeliveryKind;
use crate::job::JobId;

/// What happened. It is a hint: rows decide, and who waits also looks at them
/// from time to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// There may be a job to claim.
    JobQueued,
    /// There may be something of this kind to deliver.
    DeliveryDue(DeliveryKind),
    /// A job has ended, in whatever way.
    JobEnded(JobId),
    /// A running job was cancelled: whoever works on it stops.
    JobCancelled(JobId),
    /// So many denoising steps of a job are done, of so many.
    Progress {
        /// The job.
        job: JobId,
        /// How many steps are done.
        step: usize,
        /// How many there are.
        steps: usize,
    },
    /// The subscriber was too slow for some events.
    Missed,
}

/// Tells subscribers what happens to jobs.
pub trait Events: fmt::Debug + Send + Sync {
    /// Tells all subscribers, those of other processes included.
    fn publish(&self, event: Event);

    /// Subscribes to everything that is published from now on.
    fn subscribe(&self) -> Box<dyn Subscription>;
}

/// What is published, one after the other.
#[async_trait]
pub trait Subscription: Send {
    /// Returns the next event; waits for ever once there can be none. Dropping
    /// the future loses none.
    async fn next(&mut self) -> Event;
}
