//! The bucket of one key: how it is described, and the port to it.
//!
//! | chapter | holds |
//! |---|---|
//! | [`raw`] | [`RawBucketDetails`], and the parser |
//! | [`fault`] | [`BucketFault`], why a bucket cannot be used, and [`BucketNames`] |

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

/// Which bucket the images of a key go to, and how. Every value is one that
/// can be used as it stands; whether the bucket works is another matter.
#[derive(Debug, Clone)]
pub struct BucketDetails {
    /// Where objects are written: `endpoint_url/image_directory/NAME`.
    pub endpoint_url: SafeUrl,
    /// What requests are signed for, e.g. `us-east-1`.
    pub region: String,
    /// See [`BucketDetails::endpoint_url`]; without slashes around it. It begins
    /// with the bucket, unless the host of the endpoint names that.
    pub image_directory: String,
    /// What links begin with.
    pub public_url: SafeUrl,
    /// Names who signs.
    pub access_key_id: Secret<String>,
    /// Signs.
    pub secret_access_key: Secret<String>,
}

/// Opens the buckets that keys describe.
#[async_trait]
pub trait BucketOpener: fmt::Debug + Send + Sync {
    /// The store of these details. Nothing is asked of the bucket yet.
    fn open(&self, details: &BucketDetails) -> Arc<dyn ImageStore>;

    /// Writes an object, reads it back at its link and deletes it, if the bucket
    /// allows that. Takes half a minute at most.
    ///
    /// # Errors
    /// The object cannot be written, or not be read by everybody.
    async fn try_out(&self, details: &BucketDetails) -> Result<(), BucketFault>;
}
