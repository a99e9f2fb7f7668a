//! How a job is stopped, and what it left behind is deleted.

use facegen_core::job::{Failure, Job, JobId};
use facegen_core::key::KeyId;
use facegen_core::store::Event;
use facegen_core::{ErrorCode, JobState};

use super::JobService;
use crate::context::{self, Shared};
use crate::error::JobError;
use crate::files::removal::{delete_from_bucket, objects};

/// What is left of a job that was erased: its id and its state.
#[derive(Debug, Clone)]
pub struct Erased {
    /// The job.
    pub job: Job,
    /// What became of its pictures.
    pub pictures: Erasure,
}

/// What became of the pictures of a job that was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// Whether none is in the folder of the server any more.
    pub folder: bool,
    /// Whether none is in the bucket any more; `None` when none was there.
    pub bucket: Option<bool>,
}

impl JobService {
    /// Stops a job that belongs to `key`, at the next step if it runs, and
    /// deletes its photograph, its pictures, its prompts and where its
    /// photograph came from. `None` when there is no such job.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn erase(&self, key: KeyId, id: JobId) -> Result<Option<Erased>, JobError> {
        let shared = std::sync::Arc::clone(&self.shared);
        context::to_the_end(async move { erase(&shared, key, id).await }).await
    }
}

/// See [`JobService::cancel`].
pub(super) async fn cancel(
    shared: &Shared,
    key: KeyId,
    id: JobId,
) -> Result<Option<Job>, JobError> {
    let now = shared.ports.clock.now();
    let is_cancelled = shared
        .stores
        .jobs
        .cancel(key, id, &cancelled(), now)
        .await?;
    let job = shared.stores.jobs.find(Some(key), id).await?;
    if let (true, Some(job)) = (is_cancelled, &job) {
        shared.publish(Event::JobCancelled(id));
        shared.tell_end(job);
    }
    Ok(job)
}

/// Why a job that was cancelled has no pictures.
pub(super) fn cancelled() -> Failure {
    Failure {
        code: ErrorCode::Cancelled,
        message: "the request was cancelled".into(),
    }
}

async fn erase(shared: &Shared, key: KeyId, id: JobId) -> Result<Option<Erased>, JobError> {
    let Some(before) = cancel(shared, key, id).await? else {
        return Ok(None);
    };
    let now = shared.ports.clock.now();
    // From here on no link leads to a picture.
    shared.stores.jobs.erase(key, id, now).await?;
    let pictures = delete_pictures(shared, &before).await;
    if pictures.folder && before.state == JobState::Succeeded {
        shared.stores.housekeeping.pictures_deleted(id, now).await?;
    }
    let job = shared.stores.jobs.find(Some(key), id).await?;
    Ok(job.map(|job| Erased { job, pictures }))
}

async fn delete_pictures(shared: &Shared, job: &Job) -> Erasure {
    let mut folder = true;
    for object in objects(job) {
        if let Err(error) = shared.ports.images.delete(&object).await {
            tracing::warn!(%error, "cannot erase a picture");
            folder = false;
        }
    }
    Erasure {
        folder,
        bucket: delete_from_bucket(shared, job).await,
    }
}
