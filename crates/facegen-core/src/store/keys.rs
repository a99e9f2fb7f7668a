//! The port to API keys.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::key::{Key, KeyId, KeyRole};
use crate::key_limits::OwnLimits;

/// Stores API keys, only by their hashes.
///
/// # Errors
/// Each method fails when the store cannot be read or written, and has then
/// changed nothing.
#[async_trait]
pub trait KeyStore: fmt::Debug + Send + Sync {
    /// Adds a key.
    async fn insert(&self, key: &NewKey) -> Result<Key, StoreError>;

    /// Adds an admin key unless there is one that is not revoked; `None` then.
    /// Of processes that do this at once, one adds its key.
    async fn insert_first(&self, key: &NewKey) -> Result<Option<Key>, StoreError>;

    /// Lists all keys, including revoked ones, the oldest first.
    async fn list(&self) -> Result<Vec<Key>, StoreError>;

    /// Finds the key with this id, even if it is revoked.
    async fn find(&self, id: KeyId) -> Result<Option<Key>, StoreError>;

    /// Finds the key with this hash, even if it is revoked.
    async fn find_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Key>, StoreError>;

    /// Sets the limits of a key and returns the updated key; `None` when there
    /// is no such key.
    async fn set_limits(&self, id: KeyId, limits: OwnLimits) -> Result<Option<Key>, StoreError>;

    /// Revokes a key for good. Returns false when there is none, or it was
    /// revoked before.
    async fn revoke(&self, id: KeyId, now: Timestamp) -> Result<bool, StoreError>;

    /// Returns whether there is an admin key that is not revoked.
    async fn has_admin(&self) -> Result<bool, StoreError>;

    /// Replaces the hash of the key with this name, which is unique, and makes
    /// it valid again; `None` when there is no such key.
    async fn replace_hash(&self, name: &str, hash: &[u8; 32]) -> Result<Option<Key>, StoreError>;
}

/// A key before it is a row.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its name for people.
    pub name: String,
    /// What it permits.
    pub role: KeyRole,
    /// SHA-256 of its text.
    pub hash: [u8; 32],
    /// Its limits.
    pub limits: OwnLimits,
    /// When it was created.
    pub created_at: Timestamp,
}
