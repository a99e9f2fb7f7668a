//! Where the pictures of an attempt are stored: in the bucket of the job, and
//! when it fails at once in the folder of the server, so that the caller has a
//! link that works. They are then uploaded later.

use facegen_core::{FileName, ObjectName, StorageError};
use tokio::time::timeout;

use super::retry::retry;
use crate::buckets::Bucket;
use crate::queue::{Claim, Place};
use crate::service::shared::Shared;

/// The files of a job.
pub(super) type Files = Vec<(FileName, Vec<u8>)>;

/// Stores all files of this attempt in one place.
///
/// # Errors
/// The folder cannot be written.
pub(super) async fn store(
    shared: &Shared,
    claim: &Claim,
    files: Files,
) -> Result<Place, StorageError> {
    let bucket = shared.buckets.bucket();
    if let Some(bucket) = bucket
        && let Some(place) = in_bucket(shared, claim, bucket, &files).await
    {
        return Ok(place);
    }
    let lease = shared.config().lease;
    for (file, bytes) in files {
        let object = object(claim, file);
        let put = || shared.ports.images.put(&object, bytes.clone());
        retry(lease, "store a picture", put).await?;
    }
    Ok(Place::Folder {
        expires_at: shared.ports.clock.now() + shared.config().keep_pictures,
        upload: bucket.is_some(),
    })
}

/// `None` when the bucket does not take them, or is not asked.
async fn in_bucket(
    shared: &Shared,
    claim: &Claim,
    bucket: &Bucket,
    files: &Files,
) -> Option<Place> {
    if shared.buckets.rests(shared.ports.clock.now()) {
        return None;
    }
    let put_all = async {
        for (file, bytes) in files {
            let object = object(claim, file.clone());
            bucket.store.put(&object, bytes.clone()).await?;
        }
        Ok(())
    };
    let put = timeout(bucket.patience, put_all).await;
    let put = put.unwrap_or_else(|_| Err(StorageError("the bucket is too slow".to_owned())));
    match put {
        Ok(()) => {
            shared.buckets.worked();
            let link_base = bucket.link_base.clone();
            Some(Place::Bucket { link_base })
        }
        Err(error) => {
            tracing::warn!(%error, "the bucket fails, pictures are served from here and uploaded later");
            shared.buckets.failed(shared.ports.clock.now());
            None
        }
    }
}

/// Deletes what this attempt may have put into the bucket, as far as the
/// bucket lets it. Nobody has a link to it.
pub(super) async fn delete_from_bucket(shared: &Shared, claim: &Claim) {
    let Some(bucket) = shared.buckets.bucket() else {
        return;
    };
    if shared.buckets.rests(shared.ports.clock.now()) {
        return;
    }
    let delete_all = async {
        for object in claim.job.objects() {
            bucket.store.delete(&object).await?;
        }
        Ok(())
    };
    let deleted = timeout(bucket.patience, delete_all).await;
    if !matches!(deleted, Ok(Ok::<(), StorageError>(()))) {
        tracing::warn!("objects of an attempt that was for nothing may stay in the bucket");
    }
}

fn object(claim: &Claim, file: FileName) -> ObjectName {
    let attempt = claim.fence.attempt;
    ObjectName { file, attempt }
}
