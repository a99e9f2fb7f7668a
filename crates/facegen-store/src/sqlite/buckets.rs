//! The statements about the buckets of keys.

use async_trait::async_trait;
use facegen_core::Timestamp;
use facegen_core::key::KeyId;
use facegen_core::store::{BucketRow, BucketStore, StoreError};

use super::database::Database;
use crate::rows::{bucket, failed};

/// The buckets of the keys of one database.
#[derive(Debug, Clone)]
pub(crate) struct SqliteBuckets(pub(crate) Database);

#[async_trait]
impl BucketStore for SqliteBuckets {
    async fn get(&self, key: KeyId) -> Result<Option<BucketRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM key_buckets WHERE key_id = ?")
            .bind(key.get())
            .fetch_optional(&self.0.readers)
            .await
            .map_err(failed)?;
        row.as_ref().map(bucket).transpose()
    }

    async fn set(&self, key: KeyId, row: &BucketRow, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("INSERT OR REPLACE INTO key_buckets VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(key.get())
            .bind(&row.endpoint_url)
            .bind(&row.region)
            .bind(&row.image_directory)
            .bind(&row.public_url)
            .bind(&row.access_key_id)
            .bind(&row.secret_access_key)
            .bind(now.as_millis())
            .execute(&self.0.writer)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn remove(&self, key: KeyId) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM key_buckets WHERE key_id = ?")
            .bind(key.get())
            .execute(&self.0.writer)
            .await
            .map_err(failed)?;
        Ok(done.rows_affected() == 1)
    }

    async fn count(&self) -> Result<u64, StoreError> {
        let count = sqlx::query_scalar(
            "SELECT count(*) FROM key_buckets JOIN keys ON keys.id = key_id
             WHERE revoked_at IS NULL",
        );
        let count: u32 = count.fetch_one(&self.0.readers).await.map_err(failed)?;
        Ok(count.into())
    }
}
