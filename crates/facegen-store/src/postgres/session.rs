//! Connections while they are used: each answer is waited for, but not for ever.
//!
//! A host that vanishes answers nothing, and the connection to it is not known to
//! be broken for minutes. So whatever a connection is used for has a deadline.
//! One that has not answered by then is closed, not tried; every other one goes
//! back to the pool within some seconds, or is dropped.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use facegen_core::store::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::query::Query;
use sqlx::{Error, Executor as _, Postgres, query};
use tokio::runtime::Handle;
use tokio::sync::SemaphorePermit;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use super::bounded::timed_out;
use super::doubt::Doubt;
use super::locks::{LOCKS, Lock};
use crate::rows::failed;

/// How long a connection that goes back to the pool may take to answer.
const RETURN_TIMEOUT: Duration = Duration::from_secs(5);

/// What may be set for the time before is over.
const LOCK: &str = "
    SELECT set_config('idle_in_transaction_session_timeout', '5s', TRUE),
           pg_advisory_xact_lock($1, $2)";

/// A statement with its values.
pub(crate) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// One connection, with a deadline for all that is asked of it.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    doubt: &'a Doubt,
    connection: PoolConnection<Postgres>,
    deadline: Instant,
    /// Whether it has to be closed: an answer is missing, or a transaction is open.
    is_in_doubt: bool,
}

impl<'a> Session<'a> {
    /// Takes a connection of the pool, for so long.
    ///
    /// # Errors
    /// There is none in time.
    pub(super) async fn open(
        pool: &PgPool,
        doubt: &'a Doubt,
        limit: Duration,
    ) -> Result<Self, StoreError> {
        let deadline = Instant::now() + limit;
        let acquired = timeout_at(deadline, pool.acquire()).await;
        let acquired = acquired.unwrap_or_else(|_| Err(timed_out()));
        Ok(Self {
            connection: doubt.noted(acquired.map_err(failed))?,
            doubt,
            deadline,
            is_in_doubt: false,
        })
    }

    /// Runs a statement and returns how many rows it has changed.
    pub(crate) async fn execute(&mut self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let done = statement.execute(&mut *self.connection);
        let done = timeout_at(self.deadline, done).await;
        self.answered(done).map(|done| done.rows_affected())
    }

    /// Returns the first row, if there is any.
    pub(crate) async fn optional(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Option<PgRow>, StoreError> {
        let row = statement.fetch_optional(&mut *self.connection);
        let row = timeout_at(self.deadline, row).await;
        self.answered(row)
    }

    /// Returns the only row.
    pub(crate) async fn one(&mut self, statement: Statement<'_>) -> Result<PgRow, StoreError> {
        let row = statement.fetch_one(&mut *self.connection);
        let row = timeout_at(self.deadline, row).await;
        self.answered(row)
    }

    /// Returns all rows.
    pub(crate) async fn all(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, StoreError> {
        let rows = statement.fetch_all(&mut *self.connection);
        let rows = timeout_at(self.deadline, rows).await;
        self.answered(rows)
    }

    async fn run(&mut self, word: &'static str) -> Result<(), StoreError> {
        let done = self.connection.execute(word);
        let done = timeout_at(self.deadline, done).await;
        self.answered(done).map(drop)
    }

    fn answered<T>(&mut self, answer: Result<Result<T, Error>, Elapsed>) -> Result<T, StoreError> {
        let answer = answer.unwrap_or_else(|_| {
            self.is_in_doubt = true;
            Err(timed_out())
        });
        self.doubt.noted(answer.map_err(failed))
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if self.is_in_doubt {
            // It is given some seconds for that.
            self.connection.close_on_drop();
        } else if let Ok(runtime) = Handle::try_current() {
            let returned = self.connection.return_to_pool();
            drop(runtime.spawn(timeout(RETURN_TIMEOUT, returned)));
        }
    }
}

/// A transaction, which is rolled back unless it is committed. It is dropped with
/// its connection, so that nothing has to be awaited for that.
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    session: Session<'a>,
    /// Others of this process may ask for the lock once it is dropped.
    _permit: Option<SemaphorePermit<'a>>,
}

impl<'a> Transaction<'a> {
    /// Begins a transaction.
    pub(super) async fn begin(
        mut session: Session<'a>,
        permit: Option<SemaphorePermit<'a>>,
    ) -> Result<Self, StoreError> {
        session.is_in_doubt = true;
        session.run("BEGIN").await?;
        Ok(Self {
            session,
            _permit: permit,
        })
    }

    /// Takes a lock until the end. Every statement from then on sees what those that held
    /// it before have committed, and the database waits for none of them for long.
    pub(crate) async fn lock(&mut self, what: Lock) -> Result<(), StoreError> {
        let lock = query(LOCK).bind(LOCKS).bind(what as i32);
        self.execute(lock).await.map(drop)
    }

    /// Commits it.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.end("COMMIT").await
    }

    /// Takes back what it has done, and keeps the connection.
    pub(crate) async fn roll_back(self) -> Result<(), StoreError> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, word: &'static str) -> Result<(), StoreError> {
        self.session.run(word).await?;
        self.session.is_in_doubt = false;
        Ok(())
    }
}

impl<'a> Deref for Transaction<'a> {
    type Target = Session<'a>;

    fn deref(&self) -> &Session<'a> {
        &self.session
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.session
    }
}
