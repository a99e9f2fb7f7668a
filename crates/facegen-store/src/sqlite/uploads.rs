//! The statements about uploaded images.

use async_trait::async_trait;
use facegen_core::key::KeyId;
use facegen_core::key_limits::SHORTEST_UPLOAD;
use facegen_core::store::{NewUpload, StoreError, UploadStore};
use facegen_core::{FilePrefix, Timestamp};
use sqlx::Row as _;

use super::database::Database;
use crate::rows::{Columns as _, amount, expired_upload, failed, integer};

/// How many rows are read at a time.
const BATCH: u32 = 100;

/// The stored bytes of a key, with a minimum for each file.
macro_rules! kept {
    () => {
        "(SELECT coalesce(sum(max(bytes, ?5)), 0) FROM uploads WHERE key_id = ?1 AND expires_at > ?2)"
    };
}

/// Takes the next job number.
const NUMBER: &str =
    "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'generations' RETURNING seq";

/// Adds an upload if there is room for it. The sum and the row are one
/// statement, so that uploads at the same time do not exceed the limit together.
const INSERT: &str = concat!(
    "INSERT INTO uploads (key_id, created_at, expires_at, bytes, file_prefix, id)
     SELECT ?1, ?2, ?3, ?4, ?7, ?8 WHERE ?6 = 0 OR ",
    kept!(),
    " + max(?4, ?5) <= ?6 RETURNING id"
);

/// The uploads of one database.
#[derive(Debug, Clone)]
pub(crate) struct SqliteUploads(pub(crate) Database);

#[async_trait]
impl UploadStore for SqliteUploads {
    async fn insert(&self, upload: &NewUpload, limit: u64) -> Result<Option<u32>, StoreError> {
        let mut transaction = self.0.writer.begin().await?;
        let number: i64 = sqlx::query_scalar(NUMBER)
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed)?;
        let row = sqlx::query(INSERT)
            .bind(upload.key.get())
            .bind(upload.created_at.as_millis())
            .bind(upload.expires_at.as_millis())
            .bind(integer(upload.bytes))
            .bind(integer(SHORTEST_UPLOAD))
            .bind(integer(limit))
            .bind(upload.file_prefix.expose())
            .bind(number)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed)?;
        let Some(row) = row else {
            // The number is not consumed.
            return Ok(None);
        };
        let id = row.small("id")?;
        transaction.commit().await.map_err(failed)?;
        Ok(Some(id))
    }

    async fn kept(
        &self,
        key: KeyId,
        now: Timestamp,
    ) -> Result<(u64, Option<Timestamp>), StoreError> {
        let row = sqlx::query(
            "SELECT coalesce(sum(max(bytes, ?)), 0) AS kept, min(expires_at) AS first
             FROM uploads WHERE key_id = ? AND expires_at > ?",
        )
        .bind(integer(SHORTEST_UPLOAD))
        .bind(key.get())
        .bind(now.as_millis())
        .fetch_one(&self.0.readers)
        .await
        .map_err(failed)?;
        let first = row.int_or_null("first")?;
        Ok((amount(row.int("kept")?), first.map(Timestamp::from_millis)))
    }

    async fn contains(&self, prefix: &FilePrefix, now: Timestamp) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM uploads WHERE file_prefix = ? AND expires_at > ?)",
        )
        .bind(prefix.expose())
        .bind(now.as_millis())
        .fetch_one(&self.0.readers)
        .await
        .map_err(failed)?;
        Ok(row.try_get(0).map_err(failed)?)
    }

    async fn expired(
        &self,
        now: Timestamp,
        last: i64,
    ) -> Result<Vec<(i64, Result<FilePrefix, StoreError>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, file_prefix FROM uploads WHERE expires_at <= ? AND id > ?
             ORDER BY id LIMIT ?",
        )
        .bind(now.as_millis())
        .bind(last)
        .bind(BATCH)
        .fetch_all(&self.0.readers)
        .await
        .map_err(failed)?;
        rows.iter().map(expired_upload).collect()
    }

    async fn delete(&self, id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM uploads WHERE id = ?")
            .bind(id)
            .execute(&self.0.writer)
            .await
            .map_err(failed)?;
        Ok(())
    }
}
