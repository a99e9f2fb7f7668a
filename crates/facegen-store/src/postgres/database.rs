//! The connections to one database.

use std::sync::Arc;
use std::time::Duration;

use facegen_core::store::StoreError;
use sqlx::Executor as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::bounded::{STATEMENT_TIMEOUT, timed_out};
use super::doubt::Doubt;
pub(crate) use super::locks::{LOCKS, Lock};
use super::presence::Presence;
use super::schema;
pub(crate) use super::session::Statement;
use super::session::{Session, Transaction};
use crate::fault::Fault;
use crate::rows::failed;

/// How many connections a process has at most; one of them listens.
const CONNECTIONS: u32 = 9;

/// How long a statement waits for a free connection of this process, and a
/// transaction for its permit to ask for a lock.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// What holds on each connection, whatever the database says. A process that
/// freezes in the middle of a transaction must not keep its locks from the
/// others, nor may a statement wait for ever. Statements are short: compiling one takes
/// longer than running it. What was answered survives a crash of the server. A host that is
/// lost with its connections is noticed within half a minute, and its locks go, also
/// when an answer is on its way to it.
const SETTINGS: &str = "
    SET default_transaction_isolation = 'read committed';
    SET idle_in_transaction_session_timeout = '5s';
    SET lock_timeout = '10s';
    SET statement_timeout = '60s';
    SET jit = off;
    SET tcp_keepalives_idle = 10;
    SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = 25000;
    SELECT set_config('synchronous_commit', 'on', FALSE)
    WHERE current_setting('synchronous_commit') = 'off'";

/// The connections to one database. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) pool: PgPool,
    /// What is wrong with the database.
    pub(crate) fault: Fault,
    /// What shows this process to the others.
    pub(super) presence: Presence,
    /// How long a statement or a whole transaction may take.
    pub(super) statement_timeout: Duration,
    /// Where this process waits for a lock. It asks the database for each lock a few times
    /// at once at most, since each that waits there has a connection that others then lack.
    permits: Arc<[Semaphore; Lock::COUNT]>,
    doubt: Doubt,
}

impl Database {
    /// Connects, and brings the tables up to date if they are not.
    ///
    /// # Errors
    /// The database cannot be reached, or its tables are another program's.
    pub(crate) async fn connect(options: PgConnectOptions) -> Result<Self, StoreError> {
        schema::bring_up_to_date(&options).await?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(SETTINGS).await.map(drop) })
            })
            .connect_with(options)
            .await
            .map_err(failed)?;
        Ok(Self::on(pool))
    }

    /// The database on these connections, whose tables are up to date.
    pub(super) fn on(pool: PgPool) -> Self {
        Self {
            presence: Presence::new(pool.clone()),
            pool,
            fault: Fault::default(),
            statement_timeout: STATEMENT_TIMEOUT,
            permits: Arc::new(std::array::from_fn(|lock| {
                Semaphore::new(Lock::at_once(lock))
            })),
            doubt: Doubt::default(),
        }
    }

    /// The same database for what no caller waits for: it may take so long, and
    /// casts no doubt when it fails.
    pub(super) fn in_background(&self, statement_timeout: Duration) -> Self {
        Self {
            statement_timeout,
            doubt: Doubt::default(),
            ..self.clone()
        }
    }

    /// Runs a statement and returns how many rows it has changed.
    pub(crate) async fn execute(&self, statement: Statement<'_>) -> Result<u64, StoreError> {
        self.session().await?.execute(statement).await
    }

    /// Runs a statement that changes one row at most and returns whether it has.
    pub(crate) async fn changes(&self, statement: Statement<'_>) -> Result<bool, StoreError> {
        Ok(self.execute(statement).await? == 1)
    }

    /// Returns the first row, if there is any.
    pub(crate) async fn optional(
        &self,
        statement: Statement<'_>,
    ) -> Result<Option<PgRow>, StoreError> {
        self.session().await?.optional(statement).await
    }

    /// Returns the only row.
    pub(crate) async fn one(&self, statement: Statement<'_>) -> Result<PgRow, StoreError> {
        self.session().await?.one(statement).await
    }

    /// Returns all rows.
    pub(crate) async fn all(&self, statement: Statement<'_>) -> Result<Vec<PgRow>, StoreError> {
        self.session().await?.all(statement).await
    }

    /// Begins a transaction, which is rolled back unless it is committed.
    pub(crate) async fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        Transaction::begin(self.session().await?, None).await
    }

    /// Waits until this process may ask for a lock.
    async fn permit(&self, what: Lock) -> Result<SemaphorePermit<'_>, StoreError> {
        let permit = timeout(ACQUIRE_TIMEOUT, self.permits[what as usize].acquire()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or_else(timed_out);
        self.noted(permit.map_err(failed))
    }

    /// Begins a transaction that holds this lock. Every statement in it sees what
    /// those that held it before have committed.
    pub(crate) async fn begin_locked(&self, what: Lock) -> Result<Transaction<'_>, StoreError> {
        let mut transaction = self.begin_before(what).await?;
        transaction.lock(what).await?;
        Ok(transaction)
    }

    /// Begins a transaction that takes this lock later.
    pub(crate) async fn begin_before(&self, what: Lock) -> Result<Transaction<'_>, StoreError> {
        let permit = self.permit(what).await?;
        Transaction::begin(self.session().await?, Some(permit)).await
    }

    /// Casts doubt on the database if it failed.
    pub(crate) fn noted<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.doubt.noted(result)
    }

    /// Returns when there is reason to doubt that anything can be written.
    pub(crate) async fn doubted(&self) {
        self.doubt.cast().await;
    }

    async fn session(&self) -> Result<Session<'_>, StoreError> {
        Session::open(&self.pool, &self.doubt, self.statement_timeout).await
    }
}
