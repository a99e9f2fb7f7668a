//! Writes the end of an attempt.

use facegen_core::JobState;
use facegen_core::job::Failure;
use facegen_core::store::{Claim, Success};

use super::failures;
use super::images;
use crate::context::WorkContext;
use crate::ports::Checkpoint;
use crate::retry::retry;

/// Publishes the stored images as the job's.
pub(super) async fn finish(context: &WorkContext, claim: &Claim, success: Success) {
    (context.observer)(Checkpoint::Finishing, &claim.job.request);
    let patience = patience(context);
    let finish = || context.storage.stores.jobs.finish(claim.fence, &success);
    match retry(patience, "finish job", finish).await {
        Ok(true) => notify_success(context, claim, &success),
        Ok(false) => settle_lost_finish(context, claim, &success).await,
        // The lease runs out, and another attempt follows.
        Err(error) => tracing::error!(%error, "failed to finish job"),
    }
}

/// Handles a job that no longer belongs to this attempt, unless this attempt
/// finished it and only the store's answer was lost.
async fn settle_lost_finish(context: &WorkContext, claim: &Claim, success: &Success) {
    match context.storage.stores.jobs.find(None, claim.job.id).await {
        Ok(Some(job)) if job.state == JobState::Succeeded && job.attempt == claim.fence.attempt => {
            notify_success(context, claim, success);
        }
        Ok(_) => {
            tracing::info!("job ended while its images were stored");
            delete_files(context, claim).await;
        }
        // The files stay until the janitor finds them.
        Err(error) => tracing::error!(%error, "failed to read job"),
    }
}

/// Writes that the job has failed.
pub(super) async fn fail(context: &WorkContext, claim: &Claim, failure: Failure) {
    write_failure(context, claim, failure).await;
}

/// Writes that the job has failed because its task panicked, at whatever point.
pub(super) async fn break_down(context: &WorkContext, claim: &Claim) {
    // Only then: the task may have panicked after it had finished the job.
    if write_failure(context, claim, failures::broke_down()).await {
        delete_files(context, claim).await;
    }
}

/// Returns false when nothing was written.
async fn write_failure(context: &WorkContext, claim: &Claim, failure: Failure) -> bool {
    let now = context.storage.clock.now();
    let fail = || context.storage.stores.jobs.fail(claim.fence, &failure, now);
    match retry(patience(context), "fail job", fail).await {
        Ok(true) => {
            tracing::info!(code = %failure.code, "job failed");
            notify_ended(context, claim, JobState::Failed);
            true
        }
        Ok(false) => {
            tracing::info!("job ended before it could fail");
            false
        }
        Err(error) => {
            tracing::error!(%error, "failed to fail job");
            false
        }
    }
}

/// Requeues the job after its engine broke for good or hung while others go on,
/// or fails it when that has happened too often.
pub(super) async fn lose_engine(context: &WorkContext, claim: &Claim) {
    let max_attempts = context.storage.config().max_attempts;
    let break_down = || {
        context
            .storage
            .stores
            .jobs
            .break_down(claim.fence, max_attempts)
    };
    match retry(patience(context), "requeue job", break_down).await {
        Ok(true) => tracing::warn!("job requeued, its engine is gone"),
        Ok(false) => {
            let failure = failures::broke_down_often(claim.crash_count + 1);
            write_failure(context, claim, failure).await;
        }
        Err(error) => tracing::error!(%error, "failed to requeue job"),
    }
}

/// Requeues the job, with no attempt counted against it.
pub(super) async fn release(context: &WorkContext, claim: &Claim) {
    let release = || context.storage.stores.jobs.release(claim.fence);
    match retry(patience(context), "requeue job", release).await {
        Ok(true) => tracing::info!("job requeued"),
        Ok(false) => tracing::info!("job ended before it could be requeued"),
        Err(error) => tracing::error!(%error, "failed to requeue job"),
    }
}

/// Deletes the files of this attempt, as far as that is possible.
pub(super) async fn delete_files(context: &WorkContext, claim: &Claim) {
    images::delete_from_bucket(&context.storage, claim).await;
    for object in claim.job.objects() {
        if let Err(error) = context.storage.images.delete(&object).await {
            tracing::warn!(%error, "failed to delete files of lost attempt");
            return;
        }
    }
}

fn notify_success(context: &WorkContext, claim: &Claim, success: &Success) {
    let seconds = success.outcome.generation_time.as_secs_f64();
    // Their number only: their texts are for the caller, not for the log.
    let warnings = success.warnings.len();
    tracing::info!(job = %claim.job.id, seconds, warnings, "job succeeded");
    notify_ended(context, claim, JobState::Succeeded);
}

fn notify_ended(context: &WorkContext, claim: &Claim, state: JobState) {
    let mut job = claim.job.clone();
    job.state = state;
    context.storage.notify_ended(&job);
}

/// Returns how long writing the end of a job may be retried: as long as its
/// lease holds, which may have been renewed a heartbeat ago.
fn patience(context: &WorkContext) -> std::time::Duration {
    let config = context.storage.config();
    config.lease.saturating_sub(config.heartbeat)
}
