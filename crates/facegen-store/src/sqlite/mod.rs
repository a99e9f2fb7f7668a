//! The stores in one SQLite file: its connections and its rows.
//!
//! There is one connection that writes and a few that read, so that the
//! statements of one process never find the database locked; another process
//! that writes (`facegen keys`) is waited for.

mod buckets;
mod deliveries;
mod error;
#[cfg(test)]
mod faults;
mod file;
mod health;
mod housekeeping;
mod jobs;
mod keys;
mod lock;
mod probe;
mod row;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
mod tests;
mod uploads;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::store::{Death, StoreError, Stores};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};

use crate::memory::{MemoryEvents, MemoryRateLimits};
use buckets::SqliteBuckets;
use deliveries::SqliteDeliveries;
use error::failed;
use health::{Fault, Files, SqliteHealth};
use housekeeping::SqliteHousekeeping;
use jobs::SqliteJobs;
use keys::SqliteKeys;
use lock::FolderLock;
use uploads::SqliteUploads;
use writer::{Writer, pool_options};

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const READERS: u32 = 4;

/// The stores in one database file.
#[derive(Debug)]
pub struct SqliteStore {
    database: Database,
    lock: Option<(FolderLock, Death)>,
}

impl SqliteStore {
    /// Opens the database, or makes it with its folder, and brings its tables
    /// up to date. Another process may work on it.
    ///
    /// # Errors
    /// The file cannot be opened, or is not a database of ours.
    pub async fn open(database: &Path) -> Result<Self, StoreError> {
        let database = Database::open(database).await?;
        Ok(Self {
            database,
            lock: None,
        })
    }

    /// Opens the database for this process alone, as long as the stores live.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], or another process works on it.
    pub async fn open_exclusive(database: &Path) -> Result<Self, StoreError> {
        let lock = FolderLock::acquire(database)?;
        let store = Self::open(database).await?;
        Ok(Self {
            lock: Some(lock),
            ..store
        })
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
            housekeeping: Arc::new(SqliteHousekeeping(database.clone())),
            health: Arc::new(SqliteHealth::new(database, lock)),
            events: Arc::new(MemoryEvents::default()),
        }
    }
}

/// The connections to one database. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    /// The one connection that writes.
    pub(crate) writer: Writer,
    /// The connections that read.
    pub(crate) readers: SqlitePool,
    /// What is wrong with the database.
    pub(crate) fault: Fault,
    pub(crate) files: Files,
}

impl Database {
    /// Opens the database, or makes it with its folder, and brings its tables
    /// up to date.
    ///
    /// # Errors
    /// The file cannot be opened, or is not a database of ours.
    pub(crate) async fn open(database: &Path) -> Result<Self, StoreError> {
        file::ensure_folder(database)?;
        file::ensure_database(database)?;
        Self::connect(database, options(database)).await
    }

    /// Connects to the file of a database, and brings its tables up to date.
    async fn connect(database: &Path, options: SqliteConnectOptions) -> Result<Self, StoreError> {
        let readers = options.clone().pragma("query_only", "ON");
        let writer = Writer::connect(options).await?;
        let migrated = sqlx::migrate!("./migrations").run(writer.pool()).await;
        migrated.map_err(|error| StoreError::Migrate(Box::new(error)))?;
        Ok(Self {
            writer,
            readers: pool_options(READERS)
                .connect_with(readers)
                .await
                .map_err(failed)?,
            fault: Fault::default(),
            files: Files::of(database),
        })
    }

    /// Closes the connections. Whatever is asked of the store afterwards is
    /// refused.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn options(database: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(database)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        // A deleted photograph is overwritten, not merely forgotten.
        .pragma("secure_delete", "ON")
        .disable_statement_logging()
}
