//! The statements about what is old.

use facegen_core::Timestamp;
use sqlx::Row as _;

use super::{Store, StoreError, row};
use crate::job::{Job, JobId};

/// How many jobs are looked at in one go.
const BATCH: u32 = 100;

impl Store {
    /// Some jobs behind `last` whose pictures are to be deleted, in the order
    /// of their numbers. A row that cannot be read is among them as its error.
    pub(crate) async fn expired(
        &self,
        now: Timestamp,
        last: i64,
    ) -> Result<Vec<(i64, Result<Job, StoreError>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM generations
             WHERE state = 'succeeded' AND erased_at IS NULL AND expires_at <= ? AND id > ?
             ORDER BY id LIMIT ?",
        )
        .bind(now.as_millis())
        .bind(last)
        .bind(BATCH)
        .fetch_all(&self.readers)
        .await?;
        let rows = rows.iter();
        rows.map(|row| Ok((row.try_get("id")?, row::job(row))))
            .collect()
    }

    /// When the oldest file came that is still to be kept, of those that were
    /// made and those that were sent.
    pub(crate) async fn oldest_kept(
        &self,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(
            "SELECT min(came) FROM (
                 SELECT min(created_at) AS came FROM uploads WHERE expires_at > ?1
                 UNION ALL
                 SELECT min(finished_at) FROM generations
                 WHERE state = 'succeeded' AND erased_at IS NULL AND expires_at > ?1
             )",
        )
        .bind(now.as_millis())
        .fetch_one(&self.readers)
        .await?;
        let oldest: Option<i64> = row.try_get(0)?;
        Ok(oldest.map(Timestamp::from_millis))
    }

    /// Notes that the pictures of a job are deleted.
    pub(crate) async fn note_erased(&self, id: JobId, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE generations SET erased_at = ? WHERE id = ?")
            .bind(now.as_millis())
            .bind(id.get())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Deletes the rows of jobs, with their deliveries: of those whose pictures
    /// were deleted, and of those that ended without any in the folder of the
    /// server, by these moments.
    pub(crate) async fn delete_rows(
        &self,
        erased_by: Timestamp,
        ended_by: Timestamp,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM generations
             WHERE finished_at IS NOT NULL
               AND (erased_at <= ? OR (expires_at IS NULL AND finished_at <= ?))",
        )
        .bind(erased_by.as_millis())
        .bind(ended_by.as_millis())
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected())
    }

    /// Empties the write-ahead log, in which a deleted photograph may still
    /// be read. False when somebody reads in it, so that it is not empty.
    pub(crate) async fn truncate_log(&self) -> Result<bool, StoreError> {
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&self.writer)
            .await?;
        let busy: i64 = row.try_get("busy")?;
        Ok(busy == 0)
    }
}
