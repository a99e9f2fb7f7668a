//! How other processes know that this one lives, and what it does.
//!
//! A lease that has run out says nothing about whether its process is dead or could
//! not write for a while. So each process holds a lock of the database for each
//! of its workers, on a connection of its own: the lock goes when the process
//! does, but not when it freezes. A lock of the same kind lets a server of the
//! role `all` be alone.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use facegen_core::store::{NodeRole, StoreError, WorkerId};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Connection as _, Error};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::rows::failed;

/// How long the connection is believed in.
const CHECKED: Duration = Duration::from_secs(5);

/// How long it may take to answer. Heartbeats wait for it.
const TIMEOUT: Duration = Duration::from_secs(4);

/// A shared lock, since two names may have the same number. See also the function
/// `worker_is_alive` of the database.
const HOLD: &str = "SELECT pg_advisory_lock_shared(1717658470, hashtext($1))";

/// The lock that all processes share; its first number is that of no other lock.
const SHARE_PLACE: &str = "SELECT pg_try_advisory_lock_shared(1717658471, 1)";

/// The same lock, for one process alone.
pub(crate) const TAKE_PLACE: &str = "SELECT pg_try_advisory_lock(1717658471, 1)";

/// How long a process that has just ended may keep its locks.
const ENDING: Duration = Duration::from_secs(2);

/// The workers of this process. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Presence {
    pool: PgPool,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    workers: HashSet<WorkerId>,
    /// What the process does, once it may, and whether the connection has its lock.
    role: Option<NodeRole>,
    is_placed: bool,
    /// What holds the locks, and when it last answered.
    connection: Option<(PgConnection, Instant)>,
}

impl Presence {
    /// No workers yet.
    pub(super) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            held: Arc::default(),
        }
    }

    /// Takes the place of a process of this role from now on. Returns false when it may
    /// not be next to those that are there.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub(super) async fn join(&self, role: NodeRole) -> Result<bool, StoreError> {
        let begin = Instant::now();
        while !self.try_join(role).await.map_err(failed)? {
            if begin.elapsed() > ENDING {
                return Ok(false);
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(true)
    }

    async fn try_join(&self, role: NodeRole) -> Result<bool, Error> {
        let mut held = self.held.lock().await;
        held.keep(&self.pool).await?;
        if let Some((connection, _)) = &mut held.connection
            && place(connection, role).await?
        {
            held.role = Some(role);
            held.is_placed = true;
        }
        Ok(held.is_placed)
    }

    /// Holds the lock of a worker from now on.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub(super) async fn show(&self, worker: &WorkerId) -> Result<(), StoreError> {
        let mut held = self.held.lock().await;
        let is_new = held.workers.insert(worker.clone());
        if let (true, Some((connection, _))) = (is_new, &mut held.connection)
            && hold(connection, worker).await.is_err()
        {
            held.connection = None;
        }
        held.keep(&self.pool).await.map_err(failed)
    }

    /// Holds the locks again should their connection have been lost. A heartbeat
    /// does so, and counts without it: it is tried again with the next one.
    pub(super) async fn keep(&self) {
        // Another heartbeat is at it.
        let Ok(mut held) = self.held.try_lock() else {
            return;
        };
        if let Err(error) = held.keep(&self.pool).await {
            tracing::warn!(%error, "this process is not shown to the others");
        }
    }
}

impl Held {
    /// Holds the locks, on another connection if the one that did is lost.
    async fn keep(&mut self, pool: &PgPool) -> Result<(), Error> {
        if !self.answers().await {
            self.connect(pool).await?;
        }
        self.keep_place().await
    }

    /// Returns whether the connection is there, and answers or did so a moment ago.
    async fn answers(&mut self) -> bool {
        let Some((connection, answered)) = &mut self.connection else {
            return false;
        };
        if answered.elapsed() < CHECKED {
            return true;
        }
        if matches!(timeout(TIMEOUT, connection.ping()).await, Ok(Ok(()))) {
            *answered = Instant::now();
            return true;
        }
        tracing::warn!("connection that shows this process was lost");
        false
    }

    /// Holds the locks of the workers on another connection.
    async fn connect(&mut self, pool: &PgPool) -> Result<(), Error> {
        self.connection = None;
        self.is_placed = false;
        // It is not the pool's any more, which can be closed without it.
        let mut connection = pool.acquire().await?.detach();
        for worker in &self.workers {
            hold(&mut connection, worker).await?;
        }
        self.connection = Some((connection, Instant::now()));
        Ok(())
    }

    /// Takes the place again that went with a former connection. As long as another has it, or
    /// the database has not noticed that the connection is gone, it is tried again each time.
    async fn keep_place(&mut self) -> Result<(), Error> {
        if let (false, Some(role), Some((connection, _))) =
            (self.is_placed, self.role, &mut self.connection)
        {
            self.is_placed = place(connection, role).await?;
            if !self.is_placed {
                let taken = "another kind of server works on this database";
                return Err(Error::Protocol(taken.into()));
            }
        }
        Ok(())
    }
}

/// Tries to take the place of a process of this role.
async fn place(connection: &mut PgConnection, role: NodeRole) -> Result<bool, Error> {
    let take = match role {
        NodeRole::All => TAKE_PLACE,
        NodeRole::Api | NodeRole::Worker => SHARE_PLACE,
    };
    let taken = timeout(TIMEOUT, sqlx::query_scalar(take).fetch_one(connection)).await;
    taken.map_err(|_| Error::PoolTimedOut)?
}

async fn hold(connection: &mut PgConnection, worker: &WorkerId) -> Result<(), Error> {
    let hold = sqlx::query(HOLD).bind(worker.as_str());
    let held = timeout(TIMEOUT, hold.execute(connection)).await;
    held.map_err(|_| Error::PoolTimedOut)?.map(drop)
}
