//! The port to images that callers send to get a link.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::key::KeyId;
use crate::storage::FilePrefix;

/// Stores the rows of uploaded images. Their files are in an image store.
///
/// # Errors
/// Each method fails when the store cannot be read or written, and has then
/// changed nothing.
#[async_trait]
pub trait UploadStore: fmt::Debug + Send + Sync {
    /// Adds an upload and returns its number, which no job has. `None` when the
    /// key would then have more than `limit` bytes; 0 means no limit.
    async fn insert(&self, upload: &NewUpload, limit: u64) -> Result<Option<u32>, StoreError>;

    /// Returns how many bytes of a key are stored, and when the first of them
    /// expire.
    async fn kept(
        &self,
        key: KeyId,
        now: Timestamp,
    ) -> Result<(u64, Option<Timestamp>), StoreError>;

    /// Returns whether a file with this prefix was uploaded and has not
    /// expired.
    async fn contains(&self, prefix: &FilePrefix, now: Timestamp) -> Result<bool, StoreError>;

    /// Lists some uploads after number `last` that have expired, in the order
    /// of their numbers. A row that cannot be read is returned as its error.
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
    /// The key that it belongs to.
    pub key: KeyId,
    /// The prefix of the name of its file.
    pub file_prefix: FilePrefix,
    /// The length of its file.
    pub bytes: usize,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When its file expires.
    pub expires_at: Timestamp,
}
