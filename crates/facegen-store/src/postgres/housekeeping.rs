//! The statements about what is old.

use async_trait::async_trait;
use facegen_core::Timestamp;
use facegen_core::job::{Job, JobId};
use facegen_core::store::{Housekeeping, StoreError};
use sqlx::{Row as _, query};

use super::database::Database;
use super::session::Transaction;
use crate::rows::{self, Columns as _, failed};

/// How many jobs are looked at in one go.
const BATCH: i64 = 100;

/// The jobs that are old enough.
macro_rules! old {
    () => {
        "finished_at IS NOT NULL
         AND (images_deleted_at <= $1 OR (expires_at IS NULL AND finished_at <= $2))"
    };
}

/// Deliveries go before their jobs, as when a delivery ends, so that the two never
/// wait for each other.
const DELETE_DELIVERIES: &str = concat!(
    "DELETE FROM deliveries WHERE generation_id IN (SELECT id FROM generations WHERE ",
    old!(),
    ")"
);

const DELETE_JOBS: &str = concat!("DELETE FROM generations WHERE ", old!());

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
        let oldest = query(
            "SELECT least(
                 (SELECT min(created_at) FROM uploads WHERE expires_at > $1),
                 (SELECT min(finished_at) FROM generations
                  WHERE state = 'succeeded' AND images_deleted_at IS NULL AND expires_at > $1)
             )",
        );
        let row = self.0.one(oldest.bind(now.as_millis())).await?;
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
        let mut transaction = self.0.begin().await?;
        let deleted = delete(&mut transaction, deleted_by, ended_by).await?;
        transaction.commit().await?;
        Ok(deleted)
    }

    /// Does nothing: the database's own vacuum frees what deleted rows leave.
    async fn compact(&self) -> Result<bool, StoreError> {
        Ok(true)
    }
}

async fn delete(
    transaction: &mut Transaction<'_>,
    deleted_by: Timestamp,
    ended_by: Timestamp,
) -> Result<u64, StoreError> {
    let old = |statement: &'static str| {
        query(statement)
            .bind(deleted_by.as_millis())
            .bind(ended_by.as_millis())
    };
    transaction.execute(old(DELETE_DELIVERIES)).await?;
    transaction.execute(old(DELETE_JOBS)).await
}
