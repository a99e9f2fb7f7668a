//! The port to the stored buckets of keys.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::key::KeyId;

/// Stores the bucket of each key, with encrypted secrets.
///
/// # Errors
/// Each method fails when the store cannot be read or written, and has then
/// changed nothing.
#[async_trait]
pub trait BucketStore: fmt::Debug + Send + Sync {
    /// Returns the bucket of this key.
    async fn get(&self, key: KeyId) -> Result<Option<BucketRow>, StoreError>;

    /// Sets the bucket of this key, and replaces the one before.
    async fn set(&self, key: KeyId, row: &BucketRow, now: Timestamp) -> Result<(), StoreError>;

    /// Removes the bucket of this key. False when it had none.
    async fn remove(&self, key: KeyId) -> Result<bool, StoreError>;

    /// Counts the keys that are not revoked and have a bucket.
    async fn count(&self) -> Result<u64, StoreError>;
}

/// The details of a bucket as a row holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketRow {
    /// The endpoint of its requests.
    pub endpoint_url: String,
    /// Its region.
    pub region: String,
    /// The directory in the bucket.
    pub image_directory: String,
    /// The prefix of links to its objects.
    pub public_url: String,
    /// The access key id, encrypted.
    pub access_key_id: Vec<u8>,
    /// The secret access key, encrypted.
    pub secret_access_key: Vec<u8>,
}
