//! The stores in one SQLite file: its connections and its rows.
//!
//! There is one connection that writes and a few that read, so that the
//! statements of one process never find the database locked. They wait for
//! other processes that write (`facegen keys`).

mod buckets;
pub(crate) mod database;
mod deliveries;
#[cfg(test)]
mod faults;
mod file;
mod files;
mod health;
mod housekeeping;
mod jobs;
mod keys;
mod lock;
mod nodes;
mod probe;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
pub(crate) mod tests;
mod uploads;
mod writer;

use std::path::Path;
use std::sync::Arc;

use facegen_core::store::{Death, StoreError, Stores};

use crate::memory::{MemoryEvents, MemoryRateLimits};
use sqlx::SqlitePool;

use buckets::SqliteBuckets;
use database::Database;
use deliveries::SqliteDeliveries;
use health::SqliteHealth;
use housekeeping::SqliteHousekeeping;
use jobs::SqliteJobs;
use keys::SqliteKeys;
use lock::DirectoryLock;
use nodes::SqliteNodes;
use uploads::SqliteUploads;

/// The stores in one database file.
#[derive(Debug)]
pub struct SqliteStore {
    database: Database,
    lock: Option<(DirectoryLock, Death)>,
}

impl SqliteStore {
    /// Opens the database, or creates it with its directory, and runs the
    /// migrations. Other processes may use it at the same time.
    ///
    /// # Errors
    /// Fails when the file cannot be opened, or is another kind of database.
    pub async fn open(database: &Path) -> Result<Self, StoreError> {
        let database = Database::open(database).await?;
        Ok(Self {
            database,
            lock: None,
        })
    }

    /// Opens the database for this process alone, until the stores are dropped.
    ///
    /// # Errors
    /// Fails as [`SqliteStore::open`], or when another process uses it.
    pub async fn open_exclusive(database: &Path) -> Result<Self, StoreError> {
        let lock = DirectoryLock::acquire(database)?;
        let store = Self::open(database).await?;
        Ok(Self {
            lock: Some(lock),
            ..store
        })
    }

    /// The connections that read.
    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.database.readers
    }

    /// Returns all stores.
    #[must_use]
    pub fn into_stores(self) -> Stores {
        let Self { database, lock } = self;
        Stores {
            jobs: Arc::new(SqliteJobs::new(database.clone())),
            keys: Arc::new(SqliteKeys(database.clone())),
            buckets: Arc::new(SqliteBuckets(database.clone())),
            deliveries: Arc::new(SqliteDeliveries(database.clone())),
            uploads: Arc::new(SqliteUploads(database.clone())),
            rate_limits: Arc::new(MemoryRateLimits::default()),
            nodes: Arc::new(SqliteNodes(database.clone())),
            housekeeping: Arc::new(SqliteHousekeeping(database.clone())),
            health: Arc::new(SqliteHealth::new(database, lock)),
            events: Arc::new(MemoryEvents::default()),
        }
    }
}
