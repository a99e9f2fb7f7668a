//! The bucket of one key: its details, and the port to it.

pub mod fault;
pub mod raw;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use fault::{BucketFault, BucketNames, BucketProblem};
pub use raw::RawBucketDetails;

use crate::ImageStore;
use crate::redact::{SafeUrl, Secret};

/// The bucket that stores the images of a key. Every value is valid, but the
/// bucket may not work.
#[derive(Debug, Clone)]
pub struct BucketDetails {
    /// Where objects are written: `endpoint_url/image_directory/NAME`.
    pub endpoint_url: SafeUrl,
    /// The region that requests are signed for, e.g. `us-east-1`.
    pub region: String,
    /// See [`BucketDetails::endpoint_url`]; without slashes around it. It
    /// begins with the bucket, unless the host of the endpoint names the
    /// bucket.
    pub image_directory: String,
    /// The prefix of links.
    pub public_url: SafeUrl,
    /// The id of the signing key.
    pub access_key_id: Secret<String>,
    /// The signing key.
    pub secret_access_key: Secret<String>,
}

/// Opens the buckets of keys.
#[async_trait]
pub trait BucketOpener: fmt::Debug + Send + Sync {
    /// Returns the store for these details. Sends no request yet.
    fn open(&self, details: &BucketDetails) -> Arc<dyn ImageStore>;

    /// Writes an object, reads it back at its link and deletes it, if the
    /// bucket allows that. Takes 30 seconds at most.
    ///
    /// # Errors
    /// Fails when the object cannot be written, or not be read publicly.
    async fn try_out(&self, details: &BucketDetails) -> Result<(), BucketFault>;
}
