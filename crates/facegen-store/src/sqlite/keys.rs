//! API keys, of which only hashes are kept.

use async_trait::async_trait;
use facegen_core::Timestamp;
use facegen_core::key::{Key, KeyId, KeyRole};
use facegen_core::key_limits::OwnLimits;
use facegen_core::store::{KeyStore, NewKey, StoreError};

use super::database::{Database, Statement};
use crate::rows::{failed, key};

const INSERT: &str = "
    INSERT INTO keys (name, role, hash, created_at, requests_per_minute, queue_share)
    VALUES (?, ?, ?, ?, ?, ?) RETURNING *";

const INSERT_FIRST: &str = "
    INSERT INTO keys (name, role, hash, created_at, requests_per_minute, queue_share)
    SELECT ?, ?, ?, ?, ?, ?
    WHERE NOT EXISTS (SELECT 1 FROM keys WHERE revoked_at IS NULL AND role = 'admin')
    RETURNING *";

/// The keys of one database.
#[derive(Debug, Clone)]
pub(crate) struct SqliteKeys(pub(crate) Database);

/// A statement that adds a key.
fn inserting<'q>(statement: &'static str, new: &'q NewKey) -> Statement<'q> {
    sqlx::query(statement)
        .bind(&new.name)
        .bind(new.role.as_str())
        .bind(&new.hash[..])
        .bind(new.created_at.as_millis())
        .bind(new.limits.requests_per_minute)
        .bind(new.limits.queue_share)
}

#[async_trait]
impl KeyStore for SqliteKeys {
    async fn insert(&self, new: &NewKey) -> Result<Key, StoreError> {
        let row = inserting(INSERT, new).fetch_one(&self.0.writer).await;
        key(&row.map_err(failed)?)
    }

    async fn insert_first(&self, new: &NewKey) -> Result<Option<Key>, StoreError> {
        let insert = inserting(INSERT_FIRST, new);
        let row = insert.fetch_optional(&self.0.writer).await;
        row.map_err(failed)?.as_ref().map(key).transpose()
    }

    async fn list(&self) -> Result<Vec<Key>, StoreError> {
        let rows = sqlx::query("SELECT * FROM keys ORDER BY id");
        let rows = rows.fetch_all(&self.0.readers).await.map_err(failed)?;
        rows.iter().map(key).collect()
    }

    async fn find(&self, id: KeyId) -> Result<Option<Key>, StoreError> {
        let row = sqlx::query("SELECT * FROM keys WHERE id = ?").bind(id.get());
        let row = row.fetch_optional(&self.0.readers).await.map_err(failed)?;
        row.as_ref().map(key).transpose()
    }

    async fn find_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Key>, StoreError> {
        let row = sqlx::query("SELECT * FROM keys WHERE hash = ?").bind(&hash[..]);
        let row = row.fetch_optional(&self.0.readers).await.map_err(failed)?;
        row.as_ref().map(key).transpose()
    }

    async fn set_limits(&self, id: KeyId, limits: OwnLimits) -> Result<Option<Key>, StoreError> {
        let row = sqlx::query(
            "UPDATE keys SET requests_per_minute = ?, queue_share = ? WHERE id = ? RETURNING *",
        )
        .bind(limits.requests_per_minute)
        .bind(limits.queue_share)
        .bind(id.get())
        .fetch_optional(&self.0.writer)
        .await
        .map_err(failed)?;
        row.as_ref().map(key).transpose()
    }

    async fn revoke(&self, id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
        let revoke =
            sqlx::query("UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL")
                .bind(now.as_millis())
                .bind(id.get());
        self.0.changes(revoke).await
    }

    async fn has_admin(&self) -> Result<bool, StoreError> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM keys WHERE revoked_at IS NULL AND role = ?)",
        )
        .bind(KeyRole::Admin.as_str())
        .fetch_one(&self.0.readers)
        .await
        .map_err(failed)
    }

    async fn replace_hash(&self, name: &str, hash: &[u8; 32]) -> Result<Option<Key>, StoreError> {
        let row =
            sqlx::query("UPDATE keys SET hash = ?, revoked_at = NULL WHERE name = ? RETURNING *")
                .bind(&hash[..])
                .bind(name)
                .fetch_optional(&self.0.writer)
                .await
                .map_err(failed)?;
        row.as_ref().map(key).transpose()
    }
}
