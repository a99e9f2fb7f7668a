//! The port that finds and deletes expired rows.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::job::{Job, JobId};

/// Finds and deletes what has expired.
///
/// # Errors
/// Each method fails when the store cannot be read or written, and has then
/// changed nothing.
#[async_trait]
pub trait Housekeeping: fmt::Debug + Send + Sync {
    /// Lists some jobs after number `last` whose images are to be deleted, in
    /// the order of their numbers. A row that cannot be read is returned as its
    /// error.
    async fn expired(
        &self,
        now: Timestamp,
        last: i64,
    ) -> Result<Vec<(i64, Result<Job, StoreError>)>, StoreError>;

    /// Returns the time of the oldest file, generated or uploaded, that has not
    /// expired.
    async fn oldest_kept(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// Records that the images of a job are deleted.
    async fn images_deleted(&self, id: JobId, now: Timestamp) -> Result<(), StoreError>;

    /// Deletes the rows of some jobs, with their deliveries, and returns of how
    /// many: of jobs whose images were deleted by `deleted_by`, and of jobs that
    /// ended by `ended_by` without any at this server. It is called until it
    /// returns 0, so that no transaction is long.
    async fn delete_rows(
        &self,
        deleted_by: Timestamp,
        ended_by: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Removes what deleted rows leave in files, such as a write-ahead log.
    /// Returns false when readers prevent that.
    async fn compact(&self) -> Result<bool, StoreError>;
}
