//! Waiting for the end of a job, and estimates of how long that takes.

use std::time::Duration;

use facegen_core::JobState;
use facegen_core::job::{Job, JobId};
use facegen_core::store::cost;
use facegen_core::store::{Event, Subscription};
use tokio::time::{Instant, sleep, sleep_until};

use crate::context::IntakeContext;
use crate::error::JobError;

/// How often a waiter polls, should it miss an event.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The shortest estimate for a job that has not ended.
const LEAST_ESTIMATE: Duration = Duration::from_secs(1);

/// The longest wait; it keeps the sum of times in range.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Waits for a job; see [`JobService::wait`](super::JobService::wait).
pub(super) async fn wait(
    context: &IntakeContext,
    id: JobId,
    limit: Duration,
) -> Result<Job, JobError> {
    // Before the first query, so that no end is missed in between.
    let mut events = context.storage.stores.events.subscribe();
    let deadline = Instant::now() + limit.min(LONGEST_WAIT);
    let _waiter = context.execution.wait();
    loop {
        // Before the row is read, so that no end is missed in between.
        let last_look = context.execution.stopped.is_cancelled() || Instant::now() >= deadline;
        let job = context.storage.stores.jobs.find(None, id).await?;
        let job = job.ok_or_else(|| JobError::BrokeDown("the job is not there"))?;
        if job.state.is_final() || last_look {
            return Ok(job);
        }
        tokio::select! {
            () = ended(&mut *events, id) => {}
            () = sleep(POLL_INTERVAL) => {}
            () = sleep_until(deadline) => {}
            () = context.execution.stopped.cancelled() => {}
        }
    }
}

/// Returns when this job has ended, or may have.
async fn ended(events: &mut dyn Subscription, id: JobId) {
    while !may_have_ended(events.next().await, id) {}
}

fn may_have_ended(event: Event, id: JobId) -> bool {
    match event {
        Event::JobEnded(job) => job == id,
        Event::Missed => true,
        Event::JobQueued
        | Event::JobCancelled(_)
        | Event::Progress { .. }
        | Event::DeliveryDue(_)
        | Event::Ordered => false,
    }
}

/// Estimates the end of a job; see [`JobService::estimate`](super::JobService::estimate).
pub(super) async fn estimate(context: &IntakeContext, job: &Job) -> Result<Duration, JobError> {
    if job.state.is_final() {
        return Ok(Duration::ZERO);
    }
    let load = context.storage.stores.jobs.load_before(job.id).await?;
    let runs = job.state == JobState::Running;
    // Running jobs go through the engines in the order of their ids.
    let before = load.running.iter().filter(|(id, _)| !runs || *id < job.id);
    let running: u64 = before
        .map(|(id, cost)| context.execution.work_left(*id, *cost))
        .sum();
    let own = context.execution.work_left(job.id, cost(&job.request));
    let (pace, engines) = (
        context.execution.throughput(),
        context.execution.ready_engines(),
    );
    let wait = pace.time_for_all(running + load.waiting, engines);
    let time = wait.saturating_add(pace.time_for(own));
    Ok(time.max(LEAST_ESTIMATE))
}

/// Estimates the time of the queue; see [`JobService::backlog`](super::JobService::backlog).
pub(super) async fn backlog(context: &IntakeContext) -> Result<Duration, JobError> {
    let load = context.storage.stores.jobs.load().await?;
    if load.waiting == 0 {
        return Ok(Duration::ZERO);
    }
    let running = load.running.iter();
    let running: u64 = running
        .map(|(id, cost)| context.execution.work_left(*id, *cost))
        .sum();
    let engines = context.execution.ready_engines();
    Ok(context
        .execution
        .throughput()
        .time_for_all(running + load.waiting, engines))
}
