//! The statements about images that callers have sent to get a link.

use async_trait::async_trait;
use facegen_core::key::KeyId;
use facegen_core::key_limits::SHORTEST_UPLOAD;
use facegen_core::store::{NewUpload, StoreError, UploadStore};
use facegen_core::{FilePrefix, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{Row as _, query};

use super::database::Database;
use super::session::Transaction;
use crate::rows::{Columns as _, amount, expired_upload, failed, integer};

/// How many rows are looked at in one go.
const BATCH: i64 = 100;

/// Lets no other upload of a key come in before this transaction ends, so that
/// two at the same time do not exceed the limit together.
const LOCK_KEY: &str = "SELECT id FROM keys WHERE id = $1 FOR NO KEY UPDATE";

/// Adds an upload if there is room for it, one file counting as so many bytes
/// at least. Only then a number is used up.
const INSERT: &str = "
    INSERT INTO uploads (key_id, created_at, expires_at, bytes, file_prefix)
    SELECT $1, $2, $3, $4, $7
    WHERE $6 = 0 OR greatest($4, $5) + (
        SELECT coalesce(sum(greatest(bytes, $5)), 0) FROM uploads WHERE key_id = $1 AND expires_at > $2
    ) <= $6
    RETURNING id";

/// The uploads of one database.
#[derive(Debug, Clone)]
pub(super) struct PostgresUploads(pub(super) Database);

#[async_trait]
impl UploadStore for PostgresUploads {
    async fn insert(&self, upload: &NewUpload, limit: u64) -> Result<Option<u32>, StoreError> {
        let mut transaction = self.0.begin().await?;
        let row = insert(&mut transaction, upload, limit).await?;
        transaction.commit().await?;
        row.map(|row| row.small("id")).transpose()
    }

    async fn kept(
        &self,
        key: KeyId,
        now: Timestamp,
    ) -> Result<(u64, Option<Timestamp>), StoreError> {
        let kept = query(
            "SELECT coalesce(sum(greatest(bytes, $1)), 0)::bigint AS kept, min(expires_at) AS first
             FROM uploads WHERE key_id = $2 AND expires_at > $3",
        )
        .bind(integer(SHORTEST_UPLOAD))
        .bind(key.get())
        .bind(now.as_millis());
        let row = self.0.one(kept).await?;
        let first = row.int_or_null("first")?.map(Timestamp::from_millis);
        Ok((amount(row.int("kept")?), first))
    }

    async fn contains(&self, prefix: &FilePrefix, now: Timestamp) -> Result<bool, StoreError> {
        let contains = query(
            "SELECT EXISTS (SELECT 1 FROM uploads WHERE file_prefix = $1 AND expires_at > $2)",
        )
        .bind(prefix.expose())
        .bind(now.as_millis());
        self.0.one(contains).await?.try_get(0).map_err(failed)
    }

    async fn expired(
        &self,
        now: Timestamp,
        last: i64,
    ) -> Result<Vec<(i64, Result<FilePrefix, StoreError>)>, StoreError> {
        let expired = query(
            "SELECT id, file_prefix FROM uploads WHERE expires_at <= $1 AND id > $2
             ORDER BY id LIMIT $3",
        )
        .bind(now.as_millis())
        .bind(last)
        .bind(BATCH);
        let rows = self.0.all(expired).await?;
        rows.iter().map(expired_upload).collect()
    }

    async fn delete(&self, id: i64) -> Result<(), StoreError> {
        let delete = query("DELETE FROM uploads WHERE id = $1").bind(id);
        self.0.execute(delete).await.map(drop)
    }
}

async fn insert(
    transaction: &mut Transaction<'_>,
    upload: &NewUpload,
    limit: u64,
) -> Result<Option<PgRow>, StoreError> {
    let lock = query(LOCK_KEY).bind(upload.key.get());
    transaction.execute(lock).await?;
    let insert = query(INSERT)
        .bind(upload.key.get())
        .bind(upload.created_at.as_millis())
        .bind(upload.expires_at.as_millis())
        .bind(integer(upload.bytes))
        .bind(integer(SHORTEST_UPLOAD))
        .bind(integer(limit))
        .bind(upload.file_prefix.expose());
    transaction.optional(insert).await
}
