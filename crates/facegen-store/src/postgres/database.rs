//! The connections to one database.

use std::sync::Arc;
use std::time::Duration;

use facegen_core::store::StoreError;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{Error, Executor as _, Postgres};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::presence::Presence;
use super::schema;
use super::session::{Session, Transaction, timed_out};
use crate::fault::Fault;
use crate::rows::failed;

/// How many connections a process has at most; one of them listens.
const CONNECTIONS: u32 = 9;

/// How long a statement waits for a free connection of this process, and a
/// transaction for its permit to ask for a lock.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a statement or a whole transaction may take until its connection
/// counts as lost; longer than the database itself lets a statement take.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(70);

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

/// The first half of the numbers of the locks; no other program is known to
/// use it.
pub(crate) const LOCKS: i32 = 0x6661_6365;

/// What happens one at a time on the whole database, whichever process does it.
/// The lock ends with its transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lock {
    /// A job gets in: limits are counted and idempotency keys are compared.
    Intake = 1,
    /// A job is claimed, so that round robin is exact.
    JobClaim = 2,
    /// A delivery is claimed.
    DeliveryClaim = 3,
    /// Jobs are taken back, which locks many rows.
    Reclaim = 4,
    /// The first admin key is made, so that there is one.
    FirstKey = 5,
    /// Old rows are deleted, which every node does.
    Deletion = 6,
}

impl Lock {
    /// One more than the highest number.
    const COUNT: usize = 7;

    /// How many of a process may ask for the lock of this number at once. Those that
    /// bring a photo send it before, so that one slow connection stops no other; then
    /// half of the connections are left to everything else.
    const fn at_once(number: usize) -> usize {
        if number == Self::Intake as usize {
            4
        } else {
            1
        }
    }
}

/// A statement with its values.
pub(crate) type Statement<'q> = Query<'q, Postgres, PgArguments>;

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
    doubt: Arc<Notify>,
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
            doubt: Arc::default(),
        }
    }

    /// The same database for what no caller waits for: it may take so long, and
    /// casts no doubt when it fails.
    pub(super) fn in_background(&self, statement_timeout: Duration) -> Self {
        Self {
            statement_timeout,
            doubt: Arc::default(),
            ..self.clone()
        }
    }

    /// Runs a statement and returns how many rows it has changed.
    pub(crate) async fn execute(&self, statement: Statement<'_>) -> Result<u64, StoreError> {
        Session::open(self).await?.execute(statement).await
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
        Session::open(self).await?.optional(statement).await
    }

    /// Returns the only row.
    pub(crate) async fn one(&self, statement: Statement<'_>) -> Result<PgRow, StoreError> {
        Session::open(self).await?.one(statement).await
    }

    /// Returns all rows.
    pub(crate) async fn all(&self, statement: Statement<'_>) -> Result<Vec<PgRow>, StoreError> {
        Session::open(self).await?.all(statement).await
    }

    /// Begins a transaction, which is rolled back unless it is committed.
    pub(crate) async fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        Transaction::begin(Session::open(self).await?, None).await
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
        Transaction::begin(Session::open(self).await?, Some(permit)).await
    }

    /// Casts doubt on the database if it failed.
    pub(crate) fn noted<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Database(cause)) = &result
            && cause.downcast_ref().is_none_or(is_doubtful)
        {
            self.doubt.notify_one();
        }
        result
    }

    /// Returns when there is reason to doubt that anything can be written.
    pub(crate) async fn doubted(&self) {
        self.doubt.notified().await;
    }
}

/// Whether the database failed, rather than a statement because of what it says.
fn is_doubtful(error: &Error) -> bool {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all others are faults of a statement or of what it returns"
    )]
    match error {
        Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            // Wrong values, broken constraints, deadlocks.
            !["22", "23", "40"]
                .iter()
                .any(|class| code.starts_with(class))
        }
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::BeginFailed => true,
        _ => false,
    }
}
