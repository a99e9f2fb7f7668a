//! The buckets that images go to: the one configured for the key of a job, else
//! the operator's, if there is one.

mod destination;
mod sealed;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::key::KeyId;
use facegen_core::store::{BucketStore, StoreError};
use facegen_core::{BucketDetails, BucketOpener, ImageStore, Timestamp};
use thiserror::Error;
use tokio::sync::Mutex;

use crate::master_key::{MasterKey, MasterKeyError, NotSealedHere};
pub(crate) use destination::Destination;

/// A bucket whose objects callers read by links of its own.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The store. What it has taken can be read at its link.
    pub store: Arc<dyn ImageStore>,
    /// The prefix of links to its objects; the object's name follows.
    pub link_base: String,
    /// How long storing the images of a job may take while the caller waits.
    pub patience: Duration,
}

/// How the buckets that keys configure are used.
#[derive(Debug, Clone)]
pub struct KeyBuckets {
    /// Opens them.
    pub opener: Arc<dyn BucketOpener>,
    /// See [`Bucket::patience`].
    pub patience: Duration,
}

/// Why the bucket of a key is unknown.
#[derive(Debug, Error)]
pub(crate) enum BucketsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the bucket of a key: {0}")]
    Unsealed(#[from] NotSealedHere),
    #[error("the bucket of a key: {0}")]
    Seal(#[from] MasterKeyError),
}

/// The operator's bucket, and those of the keys as the database has them.
pub(crate) struct Buckets {
    operators: Option<Arc<Destination>>,
    key_buckets: KeyBuckets,
    master_key: MasterKey,
    store: Arc<dyn BucketStore>,
    /// The destinations of keys, kept because they remember failures. Locked
    /// during the query of the database, so that it is never behind the
    /// database.
    known: Mutex<HashMap<KeyId, Option<Arc<Destination>>>>,
}

impl Buckets {
    /// Creates the buckets: the operator's, and those of the keys in `store`.
    pub(crate) fn new(
        operators: Option<Bucket>,
        key_buckets: KeyBuckets,
        master_key: MasterKey,
        store: Arc<dyn BucketStore>,
    ) -> Self {
        Self {
            operators: operators.map(|bucket| Arc::new(Destination::new(bucket))),
            key_buckets,
            master_key,
            store,
            known: Mutex::default(),
        }
    }

    /// Returns where the images of `key` go; `None`: to the local directory.
    ///
    /// # Errors
    /// Fails when the bucket of the key cannot be read.
    pub(crate) async fn of(&self, key: KeyId) -> Result<Option<Arc<Destination>>, BucketsError> {
        let own = self.own(key).await?;
        Ok(own.or_else(|| self.operators.clone()))
    }

    /// Returns the bucket of `key` whose links begin with `link_base`; `None`
    /// when the key has no longer such a bucket.
    ///
    /// # Errors
    /// Fails when the bucket of the key cannot be read.
    pub(crate) async fn holding(
        &self,
        key: KeyId,
        link_base: &str,
    ) -> Result<Option<Arc<Destination>>, BucketsError> {
        let own = self.own(key).await?;
        let own = own.filter(|own| own.bucket().link_base == link_base);
        Ok(own.or_else(|| self.operators.clone()))
    }

    /// Sets the bucket of `key`.
    ///
    /// # Errors
    /// Fails when the store cannot be written; the key then keeps its former bucket.
    pub(crate) async fn set(
        &self,
        key: KeyId,
        details: &BucketDetails,
        now: Timestamp,
    ) -> Result<(), BucketsError> {
        let row = sealed::seal(&self.master_key, key, details)?;
        let mut known = self.known.lock().await;
        self.store.set(key, &row, now).await?;
        known.insert(key, Some(self.destination(details)));
        Ok(())
    }

    /// Removes the bucket of `key`. Returns false when it had none.
    ///
    /// # Errors
    /// Fails when the store cannot be written; the key then keeps its bucket.
    pub(crate) async fn forget(&self, key: KeyId) -> Result<bool, StoreError> {
        let mut known = self.known.lock().await;
        let had_one = self.store.remove(key).await?;
        known.insert(key, None);
        Ok(had_one)
    }

    /// Closes the circuit of every bucket, whatever it did before.
    pub(crate) async fn reset(&self) {
        let known = self.known.lock().await;
        let own = known.values().flatten();
        for destination in own.chain(&self.operators) {
            destination.reset();
        }
    }

    async fn own(&self, key: KeyId) -> Result<Option<Arc<Destination>>, BucketsError> {
        let mut known = self.known.lock().await;
        if let Some(own) = known.get(&key) {
            return Ok(own.clone());
        }
        let row = self.store.get(key).await?;
        let details = row.map(|row| sealed::open(&self.master_key, key, row));
        let own = details.transpose()?;
        let own = own.map(|details| self.destination(&details));
        known.insert(key, own.clone());
        Ok(own)
    }

    fn destination(&self, details: &BucketDetails) -> Arc<Destination> {
        Arc::new(Destination::new(Bucket {
            store: self.key_buckets.opener.open(details),
            link_base: details.public_url.expose().to_owned(),
            patience: self.key_buckets.patience,
        }))
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Buckets").finish_non_exhaustive()
    }
}
