//! The port to images that callers send to get a link.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::key::KeyId;
use crate::storage::FilePrefix;

/// Keeps which images callers have sent. Their files are elsewhere.
///
/// # Errors
/// Each method fails when the store cannot be read or written, and has then
/// changed nothing.
#[async_trait]
pub trait UploadStore: fmt::Debug + Send + Sync {
    /// Adds an upload and returns its number, which is that of no job. `None`
    /// when the key would then have more than `limit` bytes; 0 is no limit.
    async fn insert(&self, upload: &NewUpload, limit: u64) -> Result<Option<u32>, StoreError>;

    /// Returns how many bytes of a key are kept, and when the first of them
    /// expire.
    async fn kept(
        &self,
        key: KeyId,
        now: Timestamp,
    ) -> Result<(u64, Option<Timestamp>), StoreError>;

    /// Returns whether the file of this prefix was sent and has not expired.
    async fn contains(&self, prefix: &FilePrefix, now: Timestamp) -> Result<bool, StoreError>;

    /// Lists some uploads after number `last` that have expired, in the order
    /// of their numbers. A row that cannot be read is among them as its error.
    async fn expired(
        &self,
        now: Timestamp,
        last: i64,
    ) -> Result<Vec<(i64, Result<FilePrefix, StoreError>)>, StoreError>;

    /// Deletes an upload.
    async fn delete(&self, id: i64) -> Result<(), StoreError>;
}

/// An upload before it is a row.
#[derive(Debug)]
pub struct NewUpload {
    /// Whose it is.
    pub key: KeyId,
    /// What the name of its file begins with.
    pub file_prefix: FilePrefix,
    /// The length of its file.
    pub bytes: usize,
    /// When it came.
    pub created_at: Timestamp,
    /// When its file is deleted.
    pub expires_at: Timestamp,
}
