//! Cancels a job and deletes its content.

use facegen_core::job::{Failure, Job, JobId};
use facegen_core::key::KeyId;
use facegen_core::store::Event;
use facegen_core::{ErrorCode, JobState};

use super::JobService;
use crate::context::{self, IntakeContext};
use crate::error::JobError;
use crate::files::removal::{delete_from_bucket, objects};

/// What is left of a job that was erased: its id and its state.
#[derive(Debug, Clone)]
pub struct Erased {
    /// The job.
    pub job: Job,
    /// Whether its images were deleted.
    pub images: Erasure,
}

/// Whether the images of an erased job were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// Whether none is in the local directory any more.
    pub directory: bool,
    /// Whether none is in the bucket any more; `None` when none was there.
    pub bucket: Option<bool>,
}

impl JobService {
    /// Cancels a job that belongs to `key`, at the next step if it runs, and
    /// deletes its photo, the photo's URL, its images and its prompts. Returns
    /// `None` when there is no such job.
    ///
    /// # Errors
    /// Fails when the store cannot be read or written.
    pub async fn erase(&self, key: KeyId, id: JobId) -> Result<Option<Erased>, JobError> {
        let context = std::sync::Arc::clone(&self.context);
        context::run_detached(async move { erase(&context, key, id).await }).await
    }
}

/// Cancels a job; see [`JobService::cancel`].
pub(super) async fn cancel(
    context: &IntakeContext,
    key: KeyId,
    id: JobId,
) -> Result<Option<Job>, JobError> {
    let now = context.storage.clock.now();
    let is_cancelled = context
        .storage
        .stores
        .jobs
        .cancel(key, id, &cancelled(), now)
        .await?;
    let job = context.storage.stores.jobs.find(Some(key), id).await?;
    if let (true, Some(job)) = (is_cancelled, &job) {
        context.storage.publish(Event::JobCancelled(id));
        context.storage.notify_ended(job);
    }
    Ok(job)
}

/// Returns the failure of a job that was cancelled.
pub(super) fn cancelled() -> Failure {
    Failure {
        code: ErrorCode::Cancelled,
        message: "the request was cancelled".into(),
    }
}

async fn erase(context: &IntakeContext, key: KeyId, id: JobId) -> Result<Option<Erased>, JobError> {
    let Some(before) = cancel(context, key, id).await? else {
        return Ok(None);
    };
    let now = context.storage.clock.now();
    // From here on no link leads to an image.
    context.storage.stores.jobs.erase(key, id, now).await?;
    let images = delete_images(context, &before).await;
    if images.directory && before.state == JobState::Succeeded {
        context
            .storage
            .stores
            .housekeeping
            .images_deleted(id, now)
            .await?;
    }
    let job = context.storage.stores.jobs.find(Some(key), id).await?;
    Ok(job.map(|job| Erased { job, images }))
}

async fn delete_images(context: &IntakeContext, job: &Job) -> Erasure {
    let mut directory = true;
    for object in objects(job) {
        if let Err(error) = context.storage.images.delete(&object).await {
            tracing::warn!(%error, "failed to erase image");
            directory = false;
        }
    }
    Erasure {
        directory,
        bucket: delete_from_bucket(&context.storage, job).await,
    }
}
