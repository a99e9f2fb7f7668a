//! The connections to one database.

use std::path::Path;
use std::time::Duration;

use facegen_core::store::StoreError;
use sqlx::query::Query;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Sqlite};

use super::file;
use super::files::Files;
use super::writer::{Writer, pool_options};
use crate::fault::Fault;
use crate::rows::failed;

/// How long a statement waits for another process that writes: `facegen keys`
/// takes milliseconds, and callers should not wait longer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(3);

const READERS: u32 = 4;

/// A statement with its values.
pub(crate) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// The connections to one database. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    /// The one connection that writes.
    pub(crate) writer: Writer,
    /// The connections that read.
    pub(crate) readers: SqlitePool,
    /// The current fault of the database.
    pub(crate) fault: Fault,
    pub(super) files: Files,
}

impl Database {
    /// Opens the database, or creates it with its directory, and runs the
    /// migrations.
    ///
    /// # Errors
    /// Fails when the file cannot be opened, or is another kind of database.
    pub(crate) async fn open(database: &Path) -> Result<Self, StoreError> {
        file::ensure_directory(database)?;
        file::ensure_database(database)?;
        Self::connect(database, options(database)).await
    }

    /// Connects to the file of a database, and runs the migrations.
    pub(super) async fn connect(
        database: &Path,
        options: SqliteConnectOptions,
    ) -> Result<Self, StoreError> {
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

    /// Runs a statement that changes one row at most and returns whether it has.
    pub(crate) async fn changes(&self, statement: Statement<'_>) -> Result<bool, StoreError> {
        let done = statement.execute(&self.writer).await.map_err(failed)?;
        Ok(done.rows_affected() == 1)
    }

    /// Closes the connections. Later statements fail.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Returns the options of each connection.
pub(super) fn options(database: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(database)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        // A deleted photo is overwritten, not only unlinked.
        .pragma("secure_delete", "ON")
        .disable_statement_logging()
}
