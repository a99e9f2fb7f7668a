//! Deletes what a job has stored.

use facegen_core::job::Job;
use facegen_core::{ObjectName, StorageError};
use tokio::time::timeout;

use crate::context::Storage;

/// Returns the object names of all attempts at a job.
pub(crate) fn objects(job: &Job) -> impl Iterator<Item = ObjectName> {
    let attempts = 1..=job.attempt;
    let files = job.files();
    attempts.flat_map(move |attempt| {
        let of_attempt = move |file| ObjectName { file, attempt };
        files.clone().into_iter().map(of_attempt)
    })
}

/// Deletes the objects of a job, as far as the bucket permits. Returns `None`
/// when none can be there.
pub(crate) async fn delete_from_bucket(storage: &Storage, job: &Job) -> Option<bool> {
    let destination = match &job.link_base {
        Some(link_base) => storage.buckets.holding(job.key, link_base).await,
        None => storage.buckets.of(job.key).await,
    };
    let destination = match destination {
        Ok(Some(destination)) => destination,
        Ok(None) => return job.link_base.is_some().then_some(false),
        Err(error) => {
            tracing::warn!(%error, "failed to delete objects of erased job");
            return Some(false);
        }
    };
    let bucket = destination.bucket();
    // They may be in a bucket that the key had before.
    let link_base = job.link_base.as_ref().unwrap_or(&bucket.link_base);
    let is_theirs = *link_base == bucket.link_base;
    let delete_all = async {
        for object in objects(job) {
            bucket.store.delete(&object).await?;
        }
        Ok(())
    };
    let deleted = timeout(bucket.patience, delete_all).await;
    let deleted = is_theirs && matches!(deleted, Ok(Ok::<(), StorageError>(())));
    if !deleted {
        tracing::warn!("failed to delete objects of erased job");
    }
    Some(deleted)
}
