//! The bucket of a key, which its owner describes and forgets.

use std::sync::Arc;

use facegen_core::BucketDetails;
use facegen_core::key::KeyId;

use super::JobService;
use crate::context::{self, IntakeContext};
use crate::error::JobError;

impl JobService {
    /// Tries a bucket out and makes it the one of `key`. When it does not work,
    /// the key has the one that it had. A caller that goes away meanwhile changes
    /// nothing.
    ///
    /// # Errors
    /// The bucket does not work, or the store cannot be written.
    pub async fn set_bucket(&self, key: KeyId, details: BucketDetails) -> Result<(), JobError> {
        let context = Arc::clone(&self.context);
        context::run_detached(async move { set(&context, key, &details).await }).await
    }

    /// Forgets the bucket of `key`, if it has one. Images that are there stay.
    ///
    /// # Errors
    /// The store cannot be written.
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
