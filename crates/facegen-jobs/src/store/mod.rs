//! The database: its file, its connections and its rows.
//!
//! There is one connection that writes and a few that read, so that the
//! statements of one process never find the database locked; another process
//! that writes (`facegen keys`) is waited for.
//!
//! | chapter | holds |
//! |---|---|
//! | `lock` | [`FolderLock`], one process at a time, and how the one before ended |
//! | `error` | [`StoreError`] |
//! | `writer` | [`Writer`], the one connection that writes |
//! | `health` | whether the database can be relied upon at this moment |
//! | `probe` | finds out whether it can be written |
//! | `row` | a row of `generations` as a [`Job`](crate::Job) |
//! | `keys` | [`Keys`], whom rows belong to |
//! | `key_buckets` | the statements about the buckets of keys |
//! | `file` | the file of the database and its folder |
//! | `deliveries` | the statements about webhooks and uploads |
//! | `mailbox` | the deliveries of a key, as its holder sees them |
//! | `retention` | the statements about what is old |
//! | `uploads` | the statements about pictures that callers have sent |

pub(crate) mod deliveries;
mod error;
#[cfg(test)]
mod faults;
mod file;
pub(crate) mod health;
pub(crate) mod key_buckets;
mod keys;
mod lock;
pub(crate) mod mailbox;
pub(crate) mod probe;
pub(crate) mod retention;
pub(crate) mod row;
#[cfg(test)]
mod tests;
pub(crate) mod uploads;
mod writer;

use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};

pub use error::{StoreError, StoreFault};
use health::{Files, Health};
pub use keys::{KeyError, Keys};
pub(crate) use lock::{Death, FolderLock};
use writer::{Writer, pool_options};

/// How long a statement waits for another process that writes: `facegen keys`
/// takes milliseconds, and callers wait for whatever takes longer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(3);

const READERS: u32 = 4;

/// The connections to one database. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    /// The one connection that writes.
    pub(crate) writer: Writer,
    /// The connections that read.
    pub(crate) readers: SqlitePool,
    /// What is wrong with the database.
    pub(crate) health: Health,
    pub(crate) files: Files,
}

impl Store {
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
        sqlx::migrate!().run(writer.pool()).await?;
        Ok(Self {
            writer,
            readers: pool_options(READERS).connect_with(readers).await?,
            health: Health::default(),
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
