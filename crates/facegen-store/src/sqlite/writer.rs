//! The one connection that writes.
//!
//! SQLite itself rolls a transaction back when the disk is full, when it cannot
//! be read or written, and when memory runs out. The client then still assumes
//! an open transaction and begins no other. So each connection is checked when
//! it returns to the pool, and one whose transaction is in doubt is closed; the
//! next statement gets a new one.
//!
//! A statement that the database could not execute also casts doubt on the
//! writer: see [`SqliteHealth`](super::health::SqliteHealth), which checks it.

use std::sync::Arc;
use std::time::Duration;

use facegen_core::store::StoreError;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::sqlite::{
    SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteQueryResult, SqliteRow,
};
use sqlx::sqlite::{SqliteStatement, SqliteTypeInfo};
use sqlx::{
    Connection as _, Describe, Either, Error, Execute, Executor, SqlStr, Sqlite, Transaction,
};
use tokio::sync::Notify;

use crate::rows::failed;

/// How long a statement waits for a free connection of this process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// SQLite's code for a constraint that a row breaks: its lowest byte, whatever
/// the constraint.
const CONSTRAINT: i64 = 19;

/// Returns the options of a pool of this many connections, which stay open.
pub(crate) fn pool_options(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
}

/// The one connection that writes. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pool: SqlitePool,
    doubt: Arc<Notify>,
}

impl Writer {
    /// Opens the connection.
    ///
    /// # Errors
    /// Fails when the file cannot be opened.
    pub(crate) async fn connect(options: SqliteConnectOptions) -> Result<Self, StoreError> {
        let doubt = Arc::new(Notify::new());
        let notified = Arc::clone(&doubt);
        let pool = pool_options(1)
            .after_release(move |connection, _| {
                let notified = Arc::clone(&notified);
                Box::pin(async move {
                    // Runs after all earlier statements, including a rollback.
                    connection.ping().await?;
                    let is_sound = !connection.is_in_transaction();
                    if !is_sound {
                        tracing::warn!("transaction in doubt, connection replaced");
                        notified.notify_one();
                    }
                    Ok(is_sound)
                })
            })
            .connect_with(options)
            .await
            .map_err(failed)?;
        Ok(Self { pool, doubt })
    }

    /// Begins a transaction, which is rolled back unless it is committed. It
    /// excludes all other writers.
    ///
    /// # Errors
    /// Fails when there is no connection, or another process writes.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let begun = self.pool.begin_with("BEGIN IMMEDIATE").await;
        begun
            .inspect_err(|error| note(&self.doubt, error))
            .map_err(failed)
    }

    /// Waits until there is reason to doubt that the database can be written.
    pub(crate) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// Returns the pool, for statements that cast no doubt when they fail.
    pub(crate) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Closes the connection.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Casts doubt when the database failed, but not when the statement is at
/// fault.
fn note(doubt: &Notify, error: &Error) {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all others are faults of a statement or of what it returns"
    )]
    let is_doubtful = match error {
        Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse::<i64>().ok());
            code.is_none_or(|code| code & 0xff != CONSTRAINT)
        }
        Error::Io(_)
        | Error::PoolTimedOut
        | Error::WorkerCrashed
        | Error::BeginFailed
        | Error::InvalidSavePointStatement => true,
        _ => false,
    };
    if is_doubtful {
        doubt.notify_one();
    }
}

impl<'p> Executor<'p> for &'_ Writer {
    type Database = Sqlite;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<SqliteQueryResult, SqliteRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Sqlite>,
    {
        let doubt = Arc::clone(&self.doubt);
        let rows = self.pool.fetch_many(query);
        rows.inspect_err(move |error| note(&doubt, error)).boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<SqliteRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Sqlite>,
    {
        // A statement commits when its last row is read; stopping at the first
        // row would miss a failure to commit.
        let mut rows = self.fetch_many(query);
        Box::pin(async move {
            let mut first = None;
            while let Some(step) = rows.try_next().await? {
                if let Either::Right(row) = step {
                    first.get_or_insert(row);
                }
            }
            Ok(first)
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [SqliteTypeInfo],
    ) -> BoxFuture<'e, Result<SqliteStatement, Error>>
    where
        'p: 'e,
    {
        let pool = self.pool.clone();
        Box::pin(async move { pool.prepare_with(sql, parameters).await })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Sqlite>, Error>>
    where
        'p: 'e,
    {
        let pool = self.pool.clone();
        Box::pin(async move { pool.describe(sql).await })
    }
}
