//! How a job comes in.

use std::sync::Arc;
use std::time::Duration;

use facegen_core::job::Job;
use facegen_core::store::{Event, Intake, NewJob, QueueFull, QueueLimits};
use facegen_core::{FaceSource, FilePrefix};
use uuid::Uuid;

use super::Submission;
use crate::context::Shared;
use crate::context::decoding::Encoded;
use crate::error::JobError;
use crate::ports::Checkpoint;

/// The priority of a job of which nothing else is said.
const NORMAL: i64 = 0;

/// See [`JobService::submit`](super::JobService::submit).
pub(super) async fn take_in(
    shared: Arc<Shared>,
    mut submission: Submission,
) -> Result<Job, JobError> {
    if shared.draining.is_cancelled() {
        return Err(JobError::Draining);
    }
    shared.stores.health.ensure_kept()?;
    // Decides nothing, but spares the work of decoding what was sent before.
    if let Some(once) = &submission.once {
        let now = shared.ports.clock.now();
        let known = shared
            .stores
            .jobs
            .find_idempotent(submission.key, once, now)
            .await?;
        if let Some(intake) = known {
            return job_of(&shared, intake);
        }
    }
    // Decides nothing, but spares a full server the work of decoding.
    let queue_limit = shared.config().queue_limit;
    if shared.stores.jobs.depth().await? >= queue_limit {
        return Err(full(&shared, queue_limit));
    }
    let prefix = new_prefix()?;
    if let FaceSource::Inline(image) = &submission.face {
        let photograph = shared.decode(Encoded::Foreign(image.clone())).await?;
        let picture = &photograph.picture;
        submission.request = submission
            .request
            .fitted_to(picture.width(), picture.height());
        shared.photo_cache.keep(prefix.clone(), photograph);
    }
    let inserted = insert(&shared, submission, prefix.clone()).await;
    if inserted
        .as_ref()
        .map_or(true, |job| job.file_prefix != prefix)
    {
        shared.photo_cache.forget(&prefix);
    }
    inserted
}

async fn insert(
    shared: &Shared,
    submission: Submission,
    file_prefix: FilePrefix,
) -> Result<Job, JobError> {
    let Submission {
        key,
        request,
        face,
        base_url,
        once,
    } = submission;
    let new = NewJob {
        key,
        request,
        face,
        file_prefix,
        base_url,
        priority: NORMAL,
        created_at: shared.ports.clock.now(),
    };
    (shared.ports.observer)(Checkpoint::Accepted, &new.request);
    let config = shared.config();
    let limits = QueueLimits {
        queue: config.queue_limit,
        share: config.key_limits.queue_share,
    };
    let intake = match &once {
        Some(once) => shared.stores.jobs.insert_once(&new, once, limits).await?,
        None => match shared.stores.jobs.insert(&new, limits).await? {
            Ok(job) => Intake::New(job),
            Err(full) => Intake::Full(full),
        },
    };
    let Intake::New(job) = intake else {
        return job_of(shared, intake);
    };
    (shared.ports.observer)(Checkpoint::Inserted, &job.request);
    shared.publish(Event::JobQueued);
    (shared.ports.observer)(Checkpoint::Enqueued, &job.request);
    Ok(job)
}

/// The job of this intake.
fn job_of(shared: &Shared, intake: Intake) -> Result<Job, JobError> {
    match intake {
        Intake::New(job) | Intake::Known(job) => Ok(job),
        Intake::Conflict => Err(JobError::IdempotencyKeyTaken),
        Intake::Full(QueueFull(limit)) => Err(full(shared, limit)),
    }
}

/// The queue has no place until the next running job has ended.
fn full(shared: &Shared, limit: u32) -> JobError {
    let work_left = shared.running_jobs.least_work_left();
    let retry_after = shared.throughput().time_for(work_left);
    JobError::QueueFull {
        limit,
        retry_after: retry_after.max(Duration::from_secs(1)),
    }
}

/// What the names of new files begin with.
pub(super) fn new_prefix() -> Result<FilePrefix, JobError> {
    let text = Uuid::new_v4().to_string();
    FilePrefix::parse(&text).ok_or_else(|| JobError::BrokeDown("a uuid is no file prefix"))
}
