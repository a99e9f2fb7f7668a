//! The statements about what is old.

use async_trait::async_trait;
use facegen_core::Timestamp;
use facegen_core::job::{Job, JobId};
use facegen_core::store::{Housekeeping, StoreError};
use sqlx::{Row as _, query};

use super::database::{Database, Lock};
use crate::rows::{self, Columns as _, failed};

/// How many jobs are looked at in one go.
const BATCH: i64 = 100;

/// The oldest image that has not expired, of uploads and of jobs.
pub(super) const OLDEST_KEPT: &str = "
    SELECT least(
        (SELECT min(created_at) FROM uploads WHERE expires_at > $1),
        (SELECT min(finished_at) FROM generations
         WHERE state = 'succeeded' AND images_deleted_at IS NULL AND expires_at > $1)
    )";

/// Some of the jobs that are old enough, by an index for each of the reasons: as many
/// as are deleted in a moment, and no more than one transaction should hold.
pub(super) const OLD: &str = "
    (SELECT id FROM generations
     WHERE finished_at IS NOT NULL AND images_deleted_at <= $1
     ORDER BY images_deleted_at LIMIT 1000)
    UNION
    (SELECT id FROM generations
     WHERE expires_at IS NULL AND finished_at <= $2
     ORDER BY finished_at LIMIT 1000)
    LIMIT 1000";

/// Deliveries go before their jobs, as when a delivery ends, so that the two never
/// wait for each other.
const DELETE_DELIVERIES: &str = "DELETE FROM deliveries WHERE generation_id = ANY ($1)";

const DELETE_JOBS: &str = "DELETE FROM generations WHERE id = ANY ($1)";

/// What is old in one database.
#[derive(Debug, Clone)]
pub(super) struct PostgresHousekeeping(pub(super) Database);

#[async_trait]
impl Housekeeping for PostgresHousekeeping {
    async fn expired(
        &self,
        now: Timestamp,
        last: i64,
    ) -> Result<Vec<(i64, Result<Job, StoreError>)>, StoreError> {
        let expired = query(
            "SELECT * FROM generations
             WHERE state = 'succeeded' AND images_deleted_at IS NULL AND expires_at <= $1 AND id > $2
             ORDER BY id LIMIT $3",
        )
        .bind(now.as_millis())
        .bind(last)
        .bind(BATCH);
        let rows = self.0.all(expired).await?;
        let rows = rows.iter();
        rows.map(|row| Ok((row.int("id")?, rows::job(row))))
            .collect()
    }

    async fn oldest_kept(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let oldest = query(OLDEST_KEPT).bind(now.as_millis());
        let row = self.0.one(oldest).await?;
        let oldest: Option<i64> = row.try_get(0).map_err(failed)?;
        Ok(oldest.map(Timestamp::from_millis))
    }

    async fn images_deleted(&self, id: JobId, now: Timestamp) -> Result<(), StoreError> {
        let deleted = query("UPDATE generations SET images_deleted_at = $1 WHERE id = $2")
            .bind(now.as_millis())
            .bind(i64::from(id.get()));
        self.0.execute(deleted).await.map(drop)
    }

    async fn delete_rows(
        &self,
        deleted_by: Timestamp,
        ended_by: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut transaction = self.0.begin_locked(Lock::Deletion).await?;
        let old = query(OLD)
            .bind(deleted_by.as_millis())
            .bind(ended_by.as_millis());
        let old = transaction.all(old).await?;
        let old: Vec<i64> = old
            .iter()
            .map(|row| row.int("id"))
            .collect::<Result<_, _>>()?;
        if !old.is_empty() {
            transaction
                .execute(query(DELETE_DELIVERIES).bind(&old))
                .await?;
            transaction.execute(query(DELETE_JOBS).bind(&old)).await?;
        }
        transaction.commit().await?;
        Ok(old.len() as u64)
    }

    /// Does nothing: the database's own vacuum frees what deleted rows leave.
    async fn compact(&self) -> Result<bool, StoreError> {
        Ok(true)
    }
}
