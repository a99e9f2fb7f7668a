//! The port to the events of jobs.

use std::fmt;

use async_trait::async_trait;

use super::deliveries::DeliveryKind;
use crate::job::JobId;

/// An event of a job. It is a hint: the rows are authoritative, and waiters
/// also poll them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// There may be a job to claim.
    JobQueued,
    /// There may be a delivery of this kind to claim.
    DeliveryDue(DeliveryKind),
    /// A job has ended, in any final state.
    JobEnded(JobId),
    /// A running job was cancelled: its worker must stop.
    JobCancelled(JobId),
    /// A denoising step of a job is done.
    Progress {
        /// The job.
        job: JobId,
        /// How many steps are done.
        step: usize,
        /// How many there are.
        steps: usize,
    },
    /// The nodes were ordered to do something.
    Ordered,
    /// The subscriber was too slow for some events.
    Missed,
}

/// Publishes events to subscribers.
pub trait Events: fmt::Debug + Send + Sync {
    /// Sends an event to all subscribers, including those of other processes.
    fn publish(&self, event: Event);

    /// Subscribes to all events that are published from now on.
    fn subscribe(&self) -> Box<dyn Subscription>;
}

/// A stream of events.
#[async_trait]
pub trait Subscription: Send {
    /// Returns the next event; never returns once there can be none. Cancel
    /// safe.
    async fn next(&mut self) -> Event;
}
