//! API keys: created, listed, revoked and authenticated.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use facegen_core::key::{Key, KeyId, KeyRole};
use facegen_core::key_limits::OwnLimits;
use facegen_core::redact::Secret;
use facegen_core::store::{KeyStore, NewKey, StoreError};
use facegen_core::{Clock, ErrorCode};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The name of the key that the environment gives.
const ENVIRONMENT: &str = "environment";

/// The name of the key that is created when there is no admin key.
const FIRST: &str = "first";

/// The name of the key of pages that were opened by a link of `facegen run`.
const PAGE: &str = "page of facegen run";

/// The prefix of every generated key, so that one is recognised where it does
/// not belong.
const BEGINNING: &str = "fg_";

/// The number of random bytes in a key.
const RANDOM_BYTES: usize = 16;

/// Why a key cannot be created or used.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The name is reserved for a key that the program itself creates.
    #[error("the name {0} is reserved for a key that facegen creates")]
    ReservedName(String),
    /// The environment gives a key that was revoked, or one that is not an
    /// admin key.
    #[error("the key of the environment is the {0}, give another one")]
    UnusableEnvironmentKey(&'static str),
    /// The operating system gives no random numbers.
    #[error("no random numbers for a key: {0}")]
    Random(#[from] getrandom::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl KeyError {
    /// Returns the kind of failure, for callers.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::ReservedName(_) | Self::UnusableEnvironmentKey(_) => ErrorCode::InvalidRequest,
            Self::Random(_) => ErrorCode::Internal,
            Self::Store(error) => error.code(),
        }
    }
}

/// The keys of one store, which a running server may use at the same time.
#[derive(Debug, Clone)]
pub struct Keys {
    store: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
}

impl Keys {
    /// Returns the keys of `store`.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Creates a key. Its text is returned here and never again.
    ///
    /// # Errors
    /// Fails when the name is reserved, or the store cannot be written.
    pub async fn create(
        &self,
        name: &str,
        role: KeyRole,
    ) -> Result<(Key, Secret<String>), KeyError> {
        self.create_limited(name, role, OwnLimits::default()).await
    }

    /// Creates a key with limits of its own. Its text is returned here and
    /// never again.
    ///
    /// # Errors
    /// Fails when the name is reserved, or the store cannot be written.
    pub async fn create_limited(
        &self,
        name: &str,
        role: KeyRole,
        limits: OwnLimits,
    ) -> Result<(Key, Secret<String>), KeyError> {
        if [ENVIRONMENT, PAGE].contains(&name) {
            return Err(KeyError::ReservedName(name.to_owned()));
        }
        let text = random_text(BEGINNING)?;
        let key = self.insert(name, role, hash(&text), limits).await?;
        Ok((key, text))
    }

    /// Creates an admin key unless there is one that is valid; `None` then. Of
    /// processes that do this at once, one creates its key.
    ///
    /// # Errors
    /// Fails when the store cannot be read, or has to be written and cannot.
    pub async fn create_first(&self) -> Result<Option<(Key, Secret<String>)>, KeyError> {
        // A start next to a process that locks the database has nothing to write.
        if self.has_admin().await? {
            return Ok(None);
        }
        let text = random_text(BEGINNING)?;
        let new = self.new_key(FIRST, KeyRole::Admin, hash(&text), OwnLimits::default());
        let key = self.store.insert_first(&new).await?;
        Ok(key.map(|key| (key, text)))
    }

    /// Gives the page a new key, a plain one, and returns its text. The one that
    /// an earlier page has is no longer known, and its jobs belong to the new one.
    ///
    /// # Errors
    /// Fails when the store cannot be written.
    pub async fn renew_page_key(&self) -> Result<Secret<String>, KeyError> {
        let text = random_text(BEGINNING)?;
        let hash = hash(&text);
        if self.store.replace_hash(PAGE, &hash).await?.is_none() {
            let limits = OwnLimits::default();
            self.insert(PAGE, KeyRole::Plain, hash, limits).await?;
        }
        Ok(text)
    }

    /// Lists every key, also the revoked ones, the oldest first.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    pub async fn list(&self) -> Result<Vec<Key>, StoreError> {
        self.store.list().await
    }

    /// Finds the key with this id, also when it is revoked.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    pub async fn find(&self, id: KeyId) -> Result<Option<Key>, StoreError> {
        self.store.find(id).await
    }

    /// Sets the limits of a key from its next request on, and returns it with
    /// them; `None` when there is no such key.
    ///
    /// # Errors
    /// Fails when the store cannot be written.
    pub async fn set_limits(
        &self,
        id: KeyId,
        limits: OwnLimits,
    ) -> Result<Option<Key>, StoreError> {
        self.store.set_limits(id, limits).await
    }

    /// Revokes a key at once and permanently. Returns false when there is no
    /// such key or it is revoked already.
    ///
    /// # Errors
    /// Fails when the store cannot be written.
    pub async fn revoke(&self, id: KeyId) -> Result<bool, StoreError> {
        self.store.revoke(id, self.clock.now()).await
    }

    /// Returns whether there is an admin key that is not revoked.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    pub async fn has_admin(&self) -> Result<bool, StoreError> {
        self.store.has_admin().await
    }

    /// Makes the key that the environment gives an admin key. When it differs
    /// from the former one, that one is no longer known, and what belonged to
    /// it belongs to the new one.
    ///
    /// # Errors
    /// Fails when the text is that of a revoked key or of one that is not an
    /// admin key, or the store cannot be written.
    pub async fn ensure_environment_key(&self, text: &Secret<String>) -> Result<Key, KeyError> {
        match self.find_or_insert_environment_key(text).await {
            // Of two processes that start at once, the later one finds the key of the other.
            Err(KeyError::Store(_)) => self.find_or_insert_environment_key(text).await,
            ensured => ensured,
        }
    }

    async fn find_or_insert_environment_key(&self, text: &Secret<String>) -> Result<Key, KeyError> {
        let hash = hash(text);
        if let Some(known) = self.store.find_by_hash(&hash).await? {
            return match (known.revoked_at, known.role) {
                (Some(_), _) => Err(KeyError::UnusableEnvironmentKey("text of a revoked key")),
                (None, KeyRole::Plain) => {
                    Err(KeyError::UnusableEnvironmentKey("text of a plain key"))
                }
                (None, KeyRole::Admin) => Ok(known),
            };
        }
        if let Some(replaced) = self.store.replace_hash(ENVIRONMENT, &hash).await? {
            return Ok(replaced);
        }
        let limits = OwnLimits::default();
        Ok(self
            .insert(ENVIRONMENT, KeyRole::Admin, hash, limits)
            .await?)
    }

    /// Finds the key with this text, unless it is unknown or revoked.
    ///
    /// The store looks for the SHA-256 of what was sent, so the time of the
    /// search reveals nothing about the texts of keys.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    pub async fn authenticate(&self, text: &Secret<String>) -> Result<Option<Key>, StoreError> {
        let key = self.store.find_by_hash(&hash(text)).await?;
        Ok(key.filter(|key| key.revoked_at.is_none()))
    }

    async fn insert(
        &self,
        name: &str,
        role: KeyRole,
        hash: [u8; 32],
        limits: OwnLimits,
    ) -> Result<Key, StoreError> {
        let key = self.new_key(name, role, hash, limits);
        self.store.insert(&key).await
    }

    fn new_key(&self, name: &str, role: KeyRole, hash: [u8; 32], limits: OwnLimits) -> NewKey {
        NewKey {
            name: name.to_owned(),
            role,
            hash,
            limits,
            created_at: self.clock.now(),
        }
    }
}

/// Returns the hash of a key or token, by which it is found.
pub(crate) fn hash(text: &Secret<String>) -> [u8; 32] {
    Sha256::digest(text.expose()).into()
}

/// Returns a text that cannot be guessed, after this beginning.
pub(crate) fn random_text(beginning: &str) -> Result<Secret<String>, getrandom::Error> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes)?;
    let digits = u128::from_be_bytes(bytes);
    Ok(Secret::new(format!("{beginning}{digits:032x}")))
}
