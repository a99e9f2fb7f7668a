//! The statements about pictures that callers have sent to get a link.

use facegen_core::{FilePrefix, Timestamp};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError};
use crate::key::KeyId;
use crate::key_limits::SHORTEST_UPLOAD;

/// How many rows are looked at in one go.
const BATCH: u32 = 100;

/// What is kept of a key, one file counting as so many bytes at least.
macro_rules! kept {
    () => {
        "(SELECT coalesce(sum(max(bytes, ?5)), 0) FROM uploads WHERE key_id = ?1 AND expires_at > ?2)"
    };
}

/// Takes the next number of jobs.
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

/// An upload before it is written.
#[derive(Debug)]
pub(crate) struct NewUpload {
    pub(crate) key: KeyId,
    pub(crate) file_prefix: FilePrefix,
    pub(crate) bytes: usize,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl Store {
    /// Adds an upload, and gives its number, which is that of no job. `None`
    /// when the key would then have more than `limit` bytes; 0 is no limit.
    pub(crate) async fn insert_upload(
        &self,
        upload: &NewUpload,
        limit: u64,
    ) -> Result<Option<u32>, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let number: i64 = sqlx::query_scalar(NUMBER)
            .fetch_one(&mut *transaction)
            .await?;
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
            .await?;
        let Some(row) = row else {
            // The number is not used up.
            return Ok(None);
        };
        let id = row.try_get("id")?;
        transaction.commit().await?;
        Ok(Some(id))
    }

    /// How many bytes of a key are kept, and when the first of them go.
    pub(crate) async fn kept_uploads(
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
        .fetch_one(&self.readers)
        .await?;
        let kept: i64 = row.try_get("kept")?;
        let first: Option<i64> = row.try_get("first")?;
        let kept = u64::try_from(kept).unwrap_or(0);
        Ok((kept, first.map(Timestamp::from_millis)))
    }

    /// Whether the file of this prefix was uploaded and has not expired.
    pub(crate) async fn has_upload(
        &self,
        prefix: &FilePrefix,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM uploads WHERE file_prefix = ? AND expires_at > ?)",
        )
        .bind(prefix.expose())
        .bind(now.as_millis())
        .fetch_one(&self.readers)
        .await?;
        Ok(row.try_get(0)?)
    }

    /// Some uploads behind `last` that have expired, in the order of their
    /// numbers. A row that cannot be read is among them as its error.
    pub(crate) async fn expired_uploads(
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
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(expired).collect()
    }

    /// Forgets an upload.
    pub(crate) async fn delete_upload(&self, id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM uploads WHERE id = ?")
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

fn expired(row: &SqliteRow) -> Result<(i64, Result<FilePrefix, StoreError>), StoreError> {
    let id = row.try_get("id")?;
    let prefix: &str = row.try_get("file_prefix")?;
    let prefix = FilePrefix::parse(prefix).ok_or(StoreError::UnreadableRow {
        table: "uploads",
        id,
        column: "file_prefix",
    });
    Ok((id, prefix))
}

/// A number of bytes as the database has it.
fn integer(bytes: impl TryInto<i64>) -> i64 {
    bytes.try_into().unwrap_or(i64::MAX)
}
