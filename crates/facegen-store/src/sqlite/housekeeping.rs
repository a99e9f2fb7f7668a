//! The statements about expired rows.

use async_trait::async_trait;
use facegen_core::Timestamp;
use facegen_core::job::{Job, JobId};
use facegen_core::store::{Housekeeping, StoreError};
use sqlx::Row as _;

use super::database::Database;
use crate::rows::{self, Columns as _, failed};

/// How many jobs are read at a time.
const BATCH: u32 = 100;

/// The oldest image that has not expired, of uploads and of jobs.
pub(crate) const OLDEST_KEPT: &str = "
    SELECT min(came) FROM (
        SELECT min(created_at) AS came FROM uploads WHERE expires_at > ?1
        UNION ALL
        SELECT min(finished_at) FROM generations
        WHERE state = 'succeeded' AND images_deleted_at IS NULL AND expires_at > ?1
    )";

/// Deletes some of the jobs that are old enough, found by an index for each of the
/// reasons: as many as others that write may wait for.
pub(crate) const DELETE: &str = "
    DELETE FROM generations WHERE id IN (
        SELECT id FROM (
            SELECT id FROM generations
            WHERE finished_at IS NOT NULL AND images_deleted_at <= ?1
            ORDER BY images_deleted_at LIMIT 1000
        )
        UNION
        SELECT id FROM (
            SELECT id FROM generations
            WHERE expires_at IS NULL AND finished_at <= ?2
            ORDER BY finished_at LIMIT 1000
        )
        LIMIT 1000
    )";

/// The expired rows of one database.
#[derive(Debug, Clone)]
pub(crate) struct SqliteHousekeeping(pub(crate) Database);

#[async_trait]
impl Housekeeping for SqliteHousekeeping {
    async fn expired(
        &self,
        now: Timestamp,
        last: i64,
    ) -> Result<Vec<(i64, Result<Job, StoreError>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM generations
             WHERE state = 'succeeded' AND images_deleted_at IS NULL AND expires_at <= ? AND id > ?
             ORDER BY id LIMIT ?",
        )
        .bind(now.as_millis())
        .bind(last)
        .bind(BATCH)
        .fetch_all(&self.0.readers)
        .await
        .map_err(failed)?;
        let rows = rows.iter();
        rows.map(|row| Ok((row.int("id")?, rows::job(row))))
            .collect()
    }

    async fn oldest_kept(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let oldest = sqlx::query(OLDEST_KEPT).bind(now.as_millis());
        let row = oldest.fetch_one(&self.0.readers).await.map_err(failed)?;
        let oldest: Option<i64> = row.try_get(0).map_err(failed)?;
        Ok(oldest.map(Timestamp::from_millis))
    }

    async fn images_deleted(&self, id: JobId, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE generations SET images_deleted_at = ? WHERE id = ?")
            .bind(now.as_millis())
            .bind(id.get())
            .execute(&self.0.writer)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn delete_rows(
        &self,
        deleted_by: Timestamp,
        ended_by: Timestamp,
    ) -> Result<u64, StoreError> {
        let delete = sqlx::query(DELETE)
            .bind(deleted_by.as_millis())
            .bind(ended_by.as_millis());
        let done = delete.execute(&self.0.writer).await.map_err(failed)?;
        Ok(done.rows_affected())
    }

    async fn compact(&self) -> Result<bool, StoreError> {
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&self.0.writer)
            .await
            .map_err(failed)?;
        Ok(row.int("busy")? == 0)
    }
}
