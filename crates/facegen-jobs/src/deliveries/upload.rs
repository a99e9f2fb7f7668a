//! Uploads images that the bucket did not take when they were made. Afterwards
//! links lead to the bucket; those that callers already have lead to this
//! server until the images there expire.

use std::time::Duration;

use facegen_core::job::Job;
use facegen_core::store::Delivery;
use facegen_core::store::StoreError;
use facegen_core::{StorageError, WebhookOutcome};
use tokio::time::timeout;

use crate::buckets::Bucket;
use crate::context::DeliveryContext;

/// How long the upload of the images of one job may take; less than the lease
/// of a delivery.
const LIMIT: Duration = Duration::from_secs(90);

/// Makes one attempt, as for a webhook: no attempt is the last one before the
/// images expire.
pub(super) async fn upload(
    context: &DeliveryContext,
    delivery: &Delivery,
) -> Result<WebhookOutcome, StoreError> {
    let Some(job) = context.storage.stores.jobs.find(None, delivery.job).await? else {
        return Ok(super::refused("the job is not there any more"));
    };
    if job.erased_at.is_some() {
        return Ok(super::refused("the images were erased"));
    }
    if job.has_expired(context.storage.clock.now()) {
        return Ok(super::refused("the images have expired"));
    }
    // The one that the key has now: the one that failed may have been wrong.
    let destination = match context.storage.buckets.of(job.key).await {
        Ok(Some(destination)) => destination,
        Ok(None) => return Ok(super::refused("there is no bucket any more")),
        Err(error) => return Ok(later(error.to_string())),
    };
    let bucket = destination.bucket();
    let put = timeout(LIMIT, put_all(context, bucket, &job)).await;
    let put = put.unwrap_or_else(|_| Err(StorageError("the bucket is too slow".to_owned())));
    match put {
        Ok(true) => {
            destination.on_success();
            let attempt = job.attempt;
            let jobs = &context.storage.stores.jobs;
            let link_base = &bucket.link_base;
            if !jobs.images_uploaded(job.id, attempt, link_base).await? {
                crate::files::removal::delete_from_bucket(&context.storage, &job).await;
                return Ok(super::refused("the images were erased"));
            }
            Ok(WebhookOutcome::Delivered)
        }
        Ok(false) => Ok(super::refused("the images are not there any more")),
        Err(error) => {
            destination.on_failure(context.storage.clock.monotonic());
            Ok(later(error.to_string()))
        }
    }
}

fn later(reason: String) -> WebhookOutcome {
    WebhookOutcome::Retry {
        after: None,
        reason,
    }
}

/// Stores all files. Returns false when one of them is gone.
async fn put_all(
    context: &DeliveryContext,
    bucket: &Bucket,
    job: &Job,
) -> Result<bool, StorageError> {
    for object in job.objects() {
        let Some(bytes) = context.storage.images.get(&object).await? else {
            return Ok(false);
        };
        bucket.store.put(&object, bytes).await?;
    }
    Ok(true)
}
