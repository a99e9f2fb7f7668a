//! The statements about the buckets of keys.

use async_trait::async_trait;
use facegen_core::Timestamp;
use facegen_core::key::KeyId;
use facegen_core::store::{BucketRow, BucketStore, StoreError};
use sqlx::query;

use super::database::Database;
use crate::rows::{Columns as _, amount, bucket};

/// Sets a bucket, in the place of the one before.
const SET: &str = "
    INSERT INTO key_buckets
        (key_id, endpoint_url, region, image_directory, public_url, access_key_id, secret_access_key, set_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (key_id) DO UPDATE
    SET endpoint_url = $2, region = $3, image_directory = $4, public_url = $5, access_key_id = $6,
        secret_access_key = $7, set_at = $8";

/// The buckets of the keys of one database.
#[derive(Debug, Clone)]
pub(super) struct PostgresBuckets(pub(super) Database);

#[async_trait]
impl BucketStore for PostgresBuckets {
    async fn get(&self, key: KeyId) -> Result<Option<BucketRow>, StoreError> {
        let get = query("SELECT * FROM key_buckets WHERE key_id = $1").bind(key.get());
        let row = self.0.optional(get).await?;
        row.as_ref().map(bucket).transpose()
    }

    async fn set(&self, key: KeyId, row: &BucketRow, now: Timestamp) -> Result<(), StoreError> {
        let set = query(SET)
            .bind(key.get())
            .bind(&row.endpoint_url)
            .bind(&row.region)
            .bind(&row.image_directory)
            .bind(&row.public_url)
            .bind(&row.access_key_id)
            .bind(&row.secret_access_key)
            .bind(now.as_millis());
        self.0.execute(set).await.map(drop)
    }

    async fn remove(&self, key: KeyId) -> Result<bool, StoreError> {
        let remove = query("DELETE FROM key_buckets WHERE key_id = $1").bind(key.get());
        self.0.changes(remove).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        let count = query(
            "SELECT count(*) FROM key_buckets JOIN keys ON keys.id = key_id
             WHERE revoked_at IS NULL",
        );
        Ok(amount(self.0.one(count).await?.int("count")?))
    }
}
