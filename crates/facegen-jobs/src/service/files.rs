//! The files that are read at this server.

use facegen_core::{FileName, JobState, ObjectName, StoredObject};

use super::shared::Shared;
use super::{JobError, uploads};
use crate::job::Job;

/// See [`JobService::file`](super::JobService::file).
pub(crate) async fn open(
    shared: &Shared,
    name: &FileName,
) -> Result<Option<StoredObject>, JobError> {
    let job = shared.queue.find_by_prefix(&name.prefix).await?;
    let Some(job) = job.filter(|job| has_file(shared, job, name)) else {
        return uploads::file(shared, name).await;
    };
    let object = ObjectName {
        file: name.clone(),
        attempt: job.attempt,
    };
    let file = shared.ports.images.open(&object).await?;
    let Some(link_base) = job.link_base.as_ref().filter(|_| file.is_none()) else {
        return Ok(file);
    };
    match shared.buckets.holding(job.key, link_base).await? {
        Some(destination) => Ok(destination.bucket().store.open(&object).await?),
        None => Ok(None),
    }
}

/// All the bytes of such a file.
pub(crate) async fn read(shared: &Shared, name: &FileName) -> Result<Option<Vec<u8>>, JobError> {
    let Some(file) = open(shared, name).await? else {
        return Ok(None);
    };
    let read = tokio::task::spawn_blocking(|| file.read()).await;
    let read = read.map_err(|_| JobError::BrokeDown("the reading of a file ended early"))?;
    Ok(Some(read?))
}

fn has_file(shared: &Shared, job: &Job, name: &FileName) -> bool {
    job.state == JobState::Succeeded
        && job.removed_at.is_none()
        && !job.has_expired(shared.ports.clock.now())
        && job.files().contains(name)
}
