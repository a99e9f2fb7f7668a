//! The bucket of a key: how its owner sets and removes it.

use std::sync::Arc;

use facegen_core::BucketDetails;
use facegen_core::key::KeyId;

use super::JobService;
use crate::context::{self, IntakeContext};
use crate::error::JobError;

impl JobService {
    /// Tests a bucket and makes it the one of `key`. When it does not work, the
    /// key keeps the one that it had. A caller that goes away meanwhile changes
    /// nothing.
    ///
    /// # Errors
    /// Fails when the bucket does not work, or the store cannot be written.
    pub async fn set_bucket(&self, key: KeyId, details: BucketDetails) -> Result<(), JobError> {
        let context = Arc::clone(&self.context);
        context::run_detached(async move { set(&context, key, &details).await }).await
    }

    /// Removes the bucket of `key`, if it has one. Images that are there stay.
    ///
    /// # Errors
    /// Fails when the store cannot be written.
    pub async fn forget_bucket(&self, key: KeyId) -> Result<(), JobError> {
        let context = Arc::clone(&self.context);
        context::run_detached(async move {
            if context.storage.buckets.forget(key).await? {
                tracing::info!("bucket of key removed");
            }
            Ok(())
        })
        .await
    }
}

async fn set(context: &IntakeContext, key: KeyId, details: &BucketDetails) -> Result<(), JobError> {
    context.key_buckets.opener.try_out(details).await?;
    let now = context.storage.clock.now();
    context.storage.buckets.set(key, details, now).await?;
    tracing::info!("bucket of key set");
    Ok(())
}
