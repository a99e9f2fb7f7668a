//! API keys, of which only hashes are kept.

use async_trait::async_trait;
use facegen_core::Timestamp;
use facegen_core::key::{Key, KeyId, KeyRole};
use facegen_core::key_limits::OwnLimits;
use facegen_core::store::{KeyStore, NewKey, StoreError};
use sqlx::{Row as _, query};

use super::database::{Database, Lock, Statement};
use super::text::clean;
use crate::rows::{failed, key};

const INSERT: &str = "
    INSERT INTO keys (name, role, hash, created_at, requests_per_minute, queue_share)
    VALUES ($1, $2, $3, $4, $5, $6) RETURNING *";

const INSERT_FIRST: &str = "
    INSERT INTO keys (name, role, hash, created_at, requests_per_minute, queue_share)
    SELECT $1, $2, $3, $4, $5, $6
    WHERE NOT EXISTS (SELECT 1 FROM keys WHERE revoked_at IS NULL AND role = 'admin')
    RETURNING *";

/// The keys of one database.
#[derive(Debug, Clone)]
pub(super) struct PostgresKeys(pub(super) Database);

impl PostgresKeys {
    async fn optional(&self, statement: Statement<'_>) -> Result<Option<Key>, StoreError> {
        let row = self.0.optional(statement).await?;
        row.as_ref().map(key).transpose()
    }
}

/// A statement that adds a key.
fn inserting<'q>(statement: &'static str, new: &'q NewKey) -> Statement<'q> {
    query(statement)
        .bind(clean(&new.name))
        .bind(new.role.as_str())
        .bind(&new.hash[..])
        .bind(new.created_at.as_millis())
        .bind(new.limits.requests_per_minute.map(i64::from))
        .bind(new.limits.queue_share.map(i64::from))
}

#[async_trait]
impl KeyStore for PostgresKeys {
    async fn insert(&self, new: &NewKey) -> Result<Key, StoreError> {
        key(&self.0.one(inserting(INSERT, new)).await?)
    }

    async fn insert_first(&self, new: &NewKey) -> Result<Option<Key>, StoreError> {
        let mut transaction = self.0.begin_locked(Lock::FirstKey).await?;
        let inserted = transaction.optional(inserting(INSERT_FIRST, new)).await?;
        transaction.commit().await?;
        inserted.as_ref().map(key).transpose()
    }

    async fn list(&self) -> Result<Vec<Key>, StoreError> {
        let list = query("SELECT * FROM keys ORDER BY id");
        self.0.all(list).await?.iter().map(key).collect()
    }

    async fn find(&self, id: KeyId) -> Result<Option<Key>, StoreError> {
        self.optional(query("SELECT * FROM keys WHERE id = $1").bind(id.get()))
            .await
    }

    async fn find_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Key>, StoreError> {
        self.optional(query("SELECT * FROM keys WHERE hash = $1").bind(&hash[..]))
            .await
    }

    async fn set_limits(&self, id: KeyId, limits: OwnLimits) -> Result<Option<Key>, StoreError> {
        let set = query(
            "UPDATE keys SET requests_per_minute = $1, queue_share = $2 WHERE id = $3 RETURNING *",
        )
        .bind(limits.requests_per_minute.map(i64::from))
        .bind(limits.queue_share.map(i64::from))
        .bind(id.get());
        self.optional(set).await
    }

    async fn revoke(&self, id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
        let revoke = query("UPDATE keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL")
            .bind(now.as_millis())
            .bind(id.get());
        self.0.changes(revoke).await
    }

    async fn has_admin(&self) -> Result<bool, StoreError> {
        let has_admin =
            query("SELECT EXISTS (SELECT 1 FROM keys WHERE revoked_at IS NULL AND role = $1)")
                .bind(KeyRole::Admin.as_str());
        self.0.one(has_admin).await?.try_get(0).map_err(failed)
    }

    async fn replace_hash(&self, name: &str, hash: &[u8; 32]) -> Result<Option<Key>, StoreError> {
        let replace =
            query("UPDATE keys SET hash = $1, revoked_at = NULL WHERE name = $2 RETURNING *")
                .bind(&hash[..])
                .bind(clean(name));
        self.optional(replace).await
    }
}
