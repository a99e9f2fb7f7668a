//! The buckets that keys configure.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use facegen_core::{BucketDetails, BucketFault, BucketOpener, BucketProblem, ImageStore};
use tokio::time::timeout;

use super::s3::{Canary, S3Settings, S3Store};
use crate::guard::Guard;

/// How long one attempt at a request may take while a bucket is tested: its
/// owner waits.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(6);

/// How long the whole test may take, less than a call of the API.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(25);

/// Opens buckets that, as their links, are reached through a guard.
#[derive(Debug, Clone)]
pub struct GuardedBuckets {
    guard: Guard,
}

impl GuardedBuckets {
    /// Creates buckets that are reached through `guard`.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self { guard }
    }

    fn store(&self, details: &BucketDetails, attempt_timeout: Duration) -> S3Store {
        S3Store::new(settings(details, attempt_timeout), self.guard.clone())
    }
}

#[async_trait]
impl BucketOpener for GuardedBuckets {
    fn open(&self, details: &BucketDetails) -> Arc<dyn ImageStore> {
        Arc::new(self.store(details, S3Settings::DEFAULT_ATTEMPT_TIMEOUT))
    }

    async fn try_out(&self, details: &BucketDetails) -> Result<(), BucketFault> {
        let store = self.store(details, ATTEMPT_TIMEOUT);
        let tried = timeout(TRIAL_TIMEOUT, store.canary()).await;
        match tried.unwrap_or_else(|_| Err(too_slow(details)))? {
            Canary::Deleted => {}
            Canary::Left { error, .. } => tracing::info!(
                %error,
                "canary object not deleted, the bucket denies it"
            ),
        }
        Ok(())
    }
}

/// Returns the fault of a bucket whose requests took too long only in total.
fn too_slow(details: &BucketDetails) -> BucketFault {
    let endpoint = details.endpoint_url.expose().trim_end_matches('/');
    BucketFault {
        problem: BucketProblem::EndpointTooSlow,
        request: format!("requests to {endpoint}/{}", details.image_directory),
    }
}

/// Returns the settings: the protocol has the bucket at the first part of the directory.
/// Where the host is the bucket it is a directory: the requests are the same.
fn settings(details: &BucketDetails, attempt_timeout: Duration) -> S3Settings {
    let directory = details.image_directory.as_str();
    let (bucket, directory) = directory.split_once('/').unwrap_or((directory, ""));
    S3Settings {
        endpoint_url: Some(details.endpoint_url.clone()),
        region: details.region.clone(),
        bucket: bucket.to_owned(),
        image_directory: directory.to_owned(),
        access_key_id: details.access_key_id.clone(),
        secret_access_key: details.secret_access_key.clone(),
        public_url: details.public_url.expose().to_owned(),
        check_url: None,
        public_read_acl: true,
        attempt_timeout,
    }
}
