//! The statements about the buckets of keys.

use facegen_core::Timestamp;
use sqlx::Row as _;

use super::{Keys, Store, StoreError};
use crate::key::KeyId;

/// The details of a bucket as a row holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketRow {
    pub(crate) endpoint_url: String,
    pub(crate) region: String,
    pub(crate) image_directory: String,
    pub(crate) public_url: String,
    /// Sealed.
    pub(crate) access_key_id: Vec<u8>,
    /// Sealed.
    pub(crate) secret_access_key: Vec<u8>,
}

impl Store {
    /// The bucket that this key has described.
    pub(crate) async fn key_bucket(&self, key: KeyId) -> Result<Option<BucketRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM key_buckets WHERE key_id = ?")
            .bind(key.get())
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(BucketRow {
            endpoint_url: row.try_get("endpoint_url")?,
            region: row.try_get("region")?,
            image_directory: row.try_get("image_directory")?,
            public_url: row.try_get("public_url")?,
            access_key_id: row.try_get("access_key_id")?,
            secret_access_key: row.try_get("secret_access_key")?,
        }))
    }

    /// Makes this the key's bucket, in the place of the one before.
    pub(crate) async fn set_key_bucket(
        &self,
        key: KeyId,
        row: &BucketRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT OR REPLACE INTO key_buckets VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(key.get())
            .bind(&row.endpoint_url)
            .bind(&row.region)
            .bind(&row.image_directory)
            .bind(&row.public_url)
            .bind(&row.access_key_id)
            .bind(&row.secret_access_key)
            .bind(now.as_millis())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The key has no bucket any more. False when it had none.
    pub(crate) async fn forget_key_bucket(&self, key: KeyId) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM key_buckets WHERE key_id = ?")
            .bind(key.get())
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

impl Keys {
    /// How many keys that are not revoked have described a bucket of their own.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn count_buckets(&self) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FROM key_buckets JOIN keys ON keys.id = key_id
             WHERE revoked_at IS NULL",
        )
        .fetch_one(&self.store.readers)
        .await?;
        let count: u32 = row.try_get(0)?;
        Ok(count.into())
    }
}
