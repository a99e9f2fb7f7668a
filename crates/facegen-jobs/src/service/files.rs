//! The files that are read at this server.

use facegen_core::{FileName, JobState, ObjectName};

use super::shared::Shared;
use super::{JobError, uploads};
use crate::job::Job;

/// See [`JobService::file`](super::JobService::file).
pub(crate) async fn file(shared: &Shared, name: &FileName) -> Result<Option<Vec<u8>>, JobError> {
    let job = shared.queue.find_by_prefix(&name.prefix).await?;
    let Some(job) = job.filter(|job| has_file(shared, job, name)) else {
        return uploads::file(shared, name).await;
    };
    let object = ObjectName {
        file: name.clone(),
        attempt: job.attempt,
    };
    let bytes = shared.ports.images.get(&object).await?;
    let Some(link_base) = job.link_base.as_ref().filter(|_| bytes.is_none()) else {
        return Ok(bytes);
    };
    match shared.buckets.holding(job.key, link_base).await? {
        Some(destination) => Ok(destination.bucket().store.get(&object).await?),
        None => Ok(None),
    }
}

fn has_file(shared: &Shared, job: &Job, name: &FileName) -> bool {
    job.state == JobState::Succeeded
        && job.removed_at.is_none()
        && !job.has_expired(shared.ports.clock.now())
        && job.files().contains(name)
}
