//! The buckets that images go to: the one that the key of a job has described,
//! else the operator's, if there is one.
//!
//! | chapter | holds |
//! |---|---|
//! | `destination` | `Destination`, a bucket and whether it is worth asking |
//! | `sealed` | details with their secrets as the database has them |

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

/// A store whose objects callers read at links of its own.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The store. What it has taken can be read at its link.
    pub store: Arc<dyn ImageStore>,
    /// What links to its objects begin with; their names follow.
    pub link_base: String,
    /// How long it may take for the images of a job that is waited for.
    pub patience: Duration,
}

/// How the buckets that keys describe are used.
#[derive(Debug, Clone)]
pub struct KeyBuckets {
    /// Opens them.
    pub opener: Arc<dyn BucketOpener>,
    /// See [`Bucket::patience`].
    pub patience: Duration,
}

/// Why it cannot be told which bucket a key has.
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
    /// What is known of keys: they keep their destinations, which remember how
    /// they work. It is locked while the database is asked, so that it never
    /// knows less than the database.
    known: Mutex<HashMap<KeyId, Option<Arc<Destination>>>>,
}

impl Buckets {
    /// The operator's bucket, and those of the keys in `store`.
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

    /// Where the images of `key` belong; `None`: in the directory.
    ///
    /// # Errors
    /// It is not known whether the key has a bucket, or which.
    pub(crate) async fn of(&self, key: KeyId) -> Result<Option<Arc<Destination>>, BucketsError> {
        let own = self.own(key).await?;
        Ok(own.or_else(|| self.operators.clone()))
    }

    /// Where images of `key` are whose links begin with `link_base`: nowhere
    /// that is known when that was a bucket which the key has no more.
    ///
    /// # Errors
    /// It is not known whether the key has a bucket, or which.
    pub(crate) async fn holding(
        &self,
        key: KeyId,
        link_base: &str,
    ) -> Result<Option<Arc<Destination>>, BucketsError> {
        let own = self.own(key).await?;
        let own = own.filter(|own| own.bucket().link_base == link_base);
        Ok(own.or_else(|| self.operators.clone()))
    }

    /// Makes this the bucket of `key`.
    ///
    /// # Errors
    /// The store cannot be written, and the key has the bucket that it had.
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

    /// Forgets the bucket of `key`. False when it had none.
    ///
    /// # Errors
    /// The store cannot be written, and the key has the bucket that it had.
    pub(crate) async fn forget(&self, key: KeyId) -> Result<bool, StoreError> {
        let mut known = self.known.lock().await;
        let had_one = self.store.remove(key).await?;
        known.insert(key, None);
        Ok(had_one)
    }

    /// Every bucket is asked again at once, whatever it did before.
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
