//! How a job is accepted.

use std::sync::Arc;
use std::time::Duration;

use facegen_core::job::Job;
use facegen_core::store::{Event, Intake, NewJob, NodeRole, QueueFull, QueueLimits};
use facegen_core::{FaceSource, FilePrefix};
use uuid::Uuid;

use super::Submission;
use crate::context::IntakeContext;
use crate::context::decoding::PhotoSource;
use crate::error::JobError;
use crate::ports::Checkpoint;

/// The priority of a job without one of its own.
const NORMAL: i64 = 0;

/// Accepts a job; see [`JobService::submit`](super::JobService::submit).
pub(super) async fn take_in(
    context: Arc<IntakeContext>,
    mut submission: Submission,
) -> Result<Job, JobError> {
    if context.execution.draining.is_cancelled() {
        return Err(JobError::Draining);
    }
    context.storage.stores.health.ensure_kept()?;
    // Decides nothing, but avoids decoding a request that was sent before.
    if let Some(idempotency) = &submission.idempotency {
        let now = context.storage.clock.now();
        let known = context
            .storage
            .stores
            .jobs
            .find_idempotent(submission.key, idempotency, now)
            .await?;
        if let Some(intake) = known {
            return job_of(&context, intake);
        }
    }
    // Decides nothing, but spares a full server the work of decoding.
    let queue_limit = context.storage.config().queue_limit;
    if context.storage.stores.jobs.depth().await? >= queue_limit {
        return Err(full(&context, queue_limit));
    }
    let prefix = new_prefix()?;
    if let FaceSource::Inline(image) = &submission.face {
        let photo = context
            .decoder
            .decode(PhotoSource::Untrusted(image.clone()))
            .await?;
        let image = &photo.image;
        submission.request = submission
            .request
            .fitted_to(image.width() as u32, image.height() as u32);
        if context.role.makes_images() {
            context.storage.photo_cache.keep(prefix.clone(), photo);
        }
    }
    let inserted = insert(&context, submission, prefix.clone()).await;
    if inserted
        .as_ref()
        .map_or(true, |job| job.file_prefix != prefix)
    {
        context.storage.photo_cache.forget(&prefix);
    }
    inserted
}

async fn insert(
    context: &IntakeContext,
    submission: Submission,
    file_prefix: FilePrefix,
) -> Result<Job, JobError> {
    let Submission {
        key,
        request,
        face,
        base_url,
        idempotency,
    } = submission;
    let new = NewJob {
        key,
        request,
        face,
        file_prefix,
        base_url,
        priority: NORMAL,
        preset: (context.role == NodeRole::Api).then(|| context.storage.config().preset.clone()),
        created_at: context.storage.clock.now(),
    };
    (context.observer)(Checkpoint::Accepted, &new.request);
    let config = context.storage.config();
    let limits = QueueLimits {
        queue: config.queue_limit,
        share: config.key_limits.queue_share,
    };
    let intake = match &idempotency {
        Some(idempotency) => {
            context
                .storage
                .stores
                .jobs
                .insert_once(&new, idempotency, limits)
                .await?
        }
        None => match context.storage.stores.jobs.insert(&new, limits).await? {
            Ok(job) => Intake::New(job),
            Err(full) => Intake::Full(full),
        },
    };
    let Intake::New(job) = intake else {
        return job_of(context, intake);
    };
    (context.observer)(Checkpoint::Inserted, &job.request);
    context.storage.publish(Event::JobQueued);
    (context.observer)(Checkpoint::Enqueued, &job.request);
    Ok(job)
}

/// Returns the job of this intake.
fn job_of(context: &IntakeContext, intake: Intake) -> Result<Job, JobError> {
    match intake {
        Intake::New(job) | Intake::Known(job) => Ok(job),
        Intake::Conflict => Err(JobError::IdempotencyKeyTaken),
        Intake::Full(QueueFull(limit)) => Err(full(context, limit)),
    }
}

/// Returns the error of a full queue, which has room once the next running job ends.
fn full(context: &IntakeContext, limit: u32) -> JobError {
    let work_left = context.execution.running_jobs.least_work_left();
    let retry_after = context.execution.throughput().time_for(work_left);
    JobError::QueueFull {
        limit,
        retry_after: retry_after.max(Duration::from_secs(1)),
    }
}

/// Returns a random prefix for the names of new files.
pub(super) fn new_prefix() -> Result<FilePrefix, JobError> {
    let text = Uuid::new_v4().to_string();
    FilePrefix::parse(&text).ok_or_else(|| JobError::BrokeDown("a uuid is no file prefix"))
}
