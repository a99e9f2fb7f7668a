//! How other processes know that this one lives.
//!
//! A lease that has run out says nothing about whether its process is dead or could
//! not write for a while. So each process holds a lock of the database for each
//! of its workers, on a connection of its own: the lock goes when the process
//! does, but not when it freezes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use facegen_core::store::{StoreError, WorkerId};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Connection as _, Error};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::rows::failed;

/// How long the connection is believed in.
const CHECKED: Duration = Duration::from_secs(5);

/// How long it may take to answer. Heartbeats wait for it.
const TIMEOUT: Duration = Duration::from_secs(4);

/// A shared lock, since two names may have the same number. See also the function
/// `worker_is_alive` of the database.
const HOLD: &str = "SELECT pg_advisory_lock_shared(1717658470, hashtext($1))";

/// The workers of this process. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Presence {
    pool: PgPool,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    workers: HashSet<WorkerId>,
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

    /// Holds the locks again should their connection have been lost.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub(super) async fn keep(&self) -> Result<(), StoreError> {
        self.held
            .lock()
            .await
            .keep(&self.pool)
            .await
            .map_err(failed)
    }
}

impl Held {
    async fn keep(&mut self, pool: &PgPool) -> Result<(), Error> {
        if let Some((connection, answered)) = &mut self.connection {
            if answered.elapsed() < CHECKED {
                return Ok(());
            }
            if matches!(timeout(TIMEOUT, connection.ping()).await, Ok(Ok(()))) {
                *answered = Instant::now();
                return Ok(());
            }
            tracing::warn!("connection that shows this process was lost");
        }
        self.connection = None;
        // It is not the pool's any more, which can be closed without it.
        let mut connection = pool.acquire().await?.detach();
        for worker in &self.workers {
            hold(&mut connection, worker).await?;
        }
        self.connection = Some((connection, Instant::now()));
        Ok(())
    }
}

async fn hold(connection: &mut PgConnection, worker: &WorkerId) -> Result<(), Error> {
    let hold = sqlx::query(HOLD).bind(worker.as_str());
    let held = timeout(TIMEOUT, hold.execute(connection)).await;
    held.map_err(|_| Error::PoolTimedOut)?.map(drop)
}
