//! Keys: made, listed, revoked and recognised.

use std::path::Path;
use std::sync::Arc;

use facegen_core::redact::Secret;
use facegen_core::{Clock, ErrorCode, Timestamp};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::{Store, StoreError};
use crate::key::{Key, KeyId, KeyRole};
use crate::key_limits::OwnLimits;

/// The name of the key that the environment gives.
const ENVIRONMENT: &str = "environment";

/// What every made key begins with, so that one is recognised where it should
/// not be.
const BEGINNING: &str = "fg_";

/// The random bytes in a key.
const RANDOM_BYTES: usize = 16;

/// Why a key cannot be made or taken.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The name is reserved for the key of the environment.
    #[error("the name {ENVIRONMENT} is reserved for the key that the environment gives")]
    ReservedName,
    /// The environment gives a key that was revoked, or one that is no admin
    /// key.
    #[error("the key of the environment is the {0}, give another one")]
    UnusableEnvironmentKey(&'static str),
    /// The operating system gives no random numbers.
    #[error("no random numbers for a key: {0}")]
    Random(#[from] getrandom::Error),
    /// The store does not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl KeyError {
    /// The kind of failure, for callers.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::ReservedName | Self::UnusableEnvironmentKey(_) => ErrorCode::InvalidRequest,
            Self::Random(_) => ErrorCode::Internal,
            Self::Store(error) => error.code(),
        }
    }
}

impl From<sqlx::Error> for KeyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The keys of one database. A server may run on it at the same time.
#[derive(Debug, Clone)]
pub struct Keys {
    pub(super) store: Store,
    clock: Arc<dyn Clock>,
}

impl Keys {
    /// The keys of `database`, for a program that does nothing else with it.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub async fn open(database: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let store = Store::open(database).await?;
        Ok(Self::new(store, clock))
    }

    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Makes a key. Its text is given here and never again.
    ///
    /// # Errors
    /// The name is reserved, or the store cannot be written.
    pub async fn create(
        &self,
        name: &str,
        role: KeyRole,
    ) -> Result<(Key, Secret<String>), KeyError> {
        self.create_limited(name, role, OwnLimits::default()).await
    }

    /// Makes a key that may ask for no more than this. Its text is given here
    /// and never again.
    ///
    /// # Errors
    /// The name is reserved, or the store cannot be written.
    pub async fn create_limited(
        &self,
        name: &str,
        role: KeyRole,
        limits: OwnLimits,
    ) -> Result<(Key, Secret<String>), KeyError> {
        if name == ENVIRONMENT {
            return Err(KeyError::ReservedName);
        }
        let text = random_key()?;
        let key = self.insert(name, role, &hash(&text), limits).await?;
        Ok((key, text))
    }

    /// Every key, also the revoked ones, the oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn list(&self) -> Result<Vec<Key>, StoreError> {
        let rows = sqlx::query("SELECT * FROM keys ORDER BY id")
            .fetch_all(&self.store.readers)
            .await?;
        rows.iter().map(key).collect()
    }

    /// The key with this id, also when it is revoked.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn find(&self, id: KeyId) -> Result<Option<Key>, StoreError> {
        let row = sqlx::query("SELECT * FROM keys WHERE id = ?")
            .bind(id.get())
            .fetch_optional(&self.store.readers)
            .await?;
        row.as_ref().map(key).transpose()
    }

    /// Lets a key ask for no more than this from its next request on. The key
    /// as it is then; `None` when there is none.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn set_limits(
        &self,
        id: KeyId,
        limits: OwnLimits,
    ) -> Result<Option<Key>, StoreError> {
        let row = sqlx::query(
            "UPDATE keys SET requests_per_minute = ?, queue_share = ? WHERE id = ? RETURNING *",
        )
        .bind(limits.requests_per_minute)
        .bind(limits.queue_share)
        .bind(id.get())
        .fetch_optional(&self.store.writer)
        .await?;
        row.as_ref().map(key).transpose()
    }

    /// Revokes a key, from now on and for good. False when there is none that
    /// could still be revoked.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn revoke(&self, id: KeyId) -> Result<bool, StoreError> {
        let done =
            sqlx::query("UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL")
                .bind(self.clock.now().as_millis())
                .bind(id.get())
                .execute(&self.store.writer)
                .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Whether anybody could authenticate as an admin.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn has_admin(&self) -> Result<bool, StoreError> {
        let row =
            sqlx::query("SELECT EXISTS (SELECT 1 FROM keys WHERE revoked_at IS NULL AND role = ?)")
                .bind(KeyRole::Admin.as_str())
                .fetch_one(&self.store.readers)
                .await?;
        Ok(row.try_get(0)?)
    }

    /// Makes the key that the environment gives an admin key. When it is
    /// another one than before the former is no longer known, and what
    /// belonged to it belongs to the new one.
    ///
    /// # Errors
    /// The text is that of a revoked key or of one that is no admin key, or
    /// the store cannot be written.
    pub async fn ensure_environment_key(&self, text: &Secret<String>) -> Result<Key, KeyError> {
        let hash = hash(text);
        if let Some(known) = self.by_hash(&hash).await? {
            return match (known.revoked_at, known.role) {
                (Some(_), _) => Err(KeyError::UnusableEnvironmentKey("text of a revoked key")),
                (None, KeyRole::Plain) => {
                    Err(KeyError::UnusableEnvironmentKey("text of a plain key"))
                }
                (None, KeyRole::Admin) => Ok(known),
            };
        }
        let replaced =
            sqlx::query("UPDATE keys SET hash = ?, revoked_at = NULL WHERE name = ? RETURNING *")
                .bind(&hash[..])
                .bind(ENVIRONMENT)
                .fetch_optional(&self.store.writer)
                .await?;
        match replaced {
            Some(row) => Ok(key(&row)?),
            None => {
                let limits = OwnLimits::default();
                Ok(self
                    .insert(ENVIRONMENT, KeyRole::Admin, &hash, limits)
                    .await?)
            }
        }
    }

    /// The key that this text is, unless it is unknown or revoked.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn authenticate(&self, text: &Secret<String>) -> Result<Option<Key>, StoreError> {
        let key = self.by_hash(&hash(text)).await?;
        Ok(key.filter(|key| key.revoked_at.is_none()))
    }

    /// The search compares bytes until one differs, so its time may tell how
    /// far the SHA-256 of what was sent agrees with one that is stored. Nobody
    /// chooses the bytes of a SHA-256 one after the other, and whoever knew a
    /// stored one as a whole would still lack the text to it. Whether the row
    /// that was found is accepted is then decided in a time that does not
    /// depend on the bytes.
    async fn by_hash(&self, hash: &[u8]) -> Result<Option<Key>, StoreError> {
        let row = sqlx::query("SELECT * FROM keys WHERE hash = ?")
            .bind(hash)
            .fetch_optional(&self.store.readers)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let stored: &[u8] = row.try_get("hash")?;
        let same = bool::from(stored.ct_eq(hash));
        same.then(|| key(&row)).transpose()
    }

    async fn insert(
        &self,
        name: &str,
        role: KeyRole,
        hash: &[u8],
        limits: OwnLimits,
    ) -> Result<Key, StoreError> {
        let row = sqlx::query(
            "INSERT INTO keys (name, role, hash, created_at, requests_per_minute, queue_share)
             VALUES (?, ?, ?, ?, ?, ?) RETURNING *",
        )
        .bind(name)
        .bind(role.as_str())
        .bind(hash)
        .bind(self.clock.now().as_millis())
        .bind(limits.requests_per_minute)
        .bind(limits.queue_share)
        .fetch_one(&self.store.writer)
        .await?;
        key(&row)
    }
}

fn hash(text: &Secret<String>) -> [u8; 32] {
    Sha256::digest(text.expose()).into()
}

fn random_key() -> Result<Secret<String>, getrandom::Error> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes)?;
    let digits = u128::from_be_bytes(bytes);
    Ok(Secret::new(format!("{BEGINNING}{digits:032x}")))
}

fn key(row: &SqliteRow) -> Result<Key, StoreError> {
    let id: i64 = row.try_get("id")?;
    let revoked_at: Option<i64> = row.try_get("revoked_at")?;
    let role = match row.try_get("role")? {
        "admin" => KeyRole::Admin,
        "plain" => KeyRole::Plain,
        _ => {
            return Err(StoreError::UnreadableRow {
                table: "keys",
                id,
                column: "role",
            });
        }
    };
    Ok(Key {
        id: KeyId::new(id),
        name: row.try_get("name")?,
        role,
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
        revoked_at: revoked_at.map(Timestamp::from_millis),
        limits: OwnLimits {
            requests_per_minute: row.try_get("requests_per_minute")?,
            queue_share: row.try_get("queue_share")?,
        },
    })
}
