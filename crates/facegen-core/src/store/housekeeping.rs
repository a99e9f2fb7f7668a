//! The port to what is old.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::job::{Job, JobId};

/// Finds and deletes what is old.
///
/// # Errors
/// Each method fails when the store cannot be read or written, and has then
/// changed nothing.
#[async_trait]
pub trait Housekeeping: fmt::Debug + Send + Sync {
    /// Lists some jobs after number `last` whose images are to be deleted, in
    /// the order of their numbers. A row that cannot be read is among them as
    /// its error.
    async fn expired(
        &self,
        now: Timestamp,
        last: i64,
    ) -> Result<Vec<(i64, Result<Job, StoreError>)>, StoreError>;

    /// Returns when the oldest file came that is still to be kept, of those
    /// that were made and those that were sent.
    async fn oldest_kept(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// Records that the images of a job are deleted.
    async fn images_deleted(&self, id: JobId, now: Timestamp) -> Result<(), StoreError>;

    /// Deletes the rows of jobs, with their deliveries: of those whose images
    /// were deleted by `deleted_by`, and of those that ended by `ended_by`
    /// without any at this server. Returns how many.
    async fn delete_rows(
        &self,
        deleted_by: Timestamp,
        ended_by: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Removes what deleted rows leave in files, such as a write-ahead log.
    /// False when readers keep it from being done.
    async fn compact(&self) -> Result<bool, StoreError>;
}
