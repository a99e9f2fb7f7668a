//! The clock of the database, which counts for all processes on it.
//!
//! Leases and due times are compared between processes, whose machines' clocks
//! may differ and may be set. So each process asks the database for the time
//! now and then, and counts on from there by its monotonic clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use facegen_core::store::StoreError;
use facegen_core::{Clock, SystemClock, Timestamp};
use sqlx::{Row as _, query};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::database::Database;
use crate::rows::failed;

/// How often the database is asked for the time.
const EVERY: Duration = Duration::from_secs(10);

/// An answer that took longer says too little.
const LONGEST: Duration = Duration::from_secs(1);

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(5);

const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// The clock of one database, compared again and again until this is dropped.
#[derive(Debug)]
pub(super) struct DatabaseClock {
    compared: Arc<Mutex<Compared>>,
    _task: JoinSet<()>,
}

/// The same moment on the database's clock and on the monotonic one.
#[derive(Debug, Clone, Copy)]
struct Compared {
    database: Timestamp,
    monotonic: Duration,
}

impl Compared {
    /// Returns what the database's clock shows when the monotonic one shows
    /// this.
    fn at(self, monotonic: Duration) -> Timestamp {
        self.database + monotonic.saturating_sub(self.monotonic)
    }
}

impl DatabaseClock {
    /// Asks the database for the time, and goes on doing so.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub(super) async fn start(database: &Database) -> Result<Self, StoreError> {
        let (compared, _) = compare(database).await?;
        let compared = Arc::new(Mutex::new(compared));
        let mut task = JoinSet::new();
        task.spawn(keep(database.in_background(TIMEOUT), Arc::clone(&compared)));
        Ok(Self {
            compared,
            _task: task,
        })
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let compared = *self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        compared.at(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
}

async fn keep(database: Database, compared: Arc<Mutex<Compared>>) {
    while !database.pool.is_closed() {
        sleep(EVERY).await;
        // A database that does not answer is reported by its health check.
        if let Ok((latest, took)) = compare(&database).await
            && took <= LONGEST
        {
            *compared.lock().unwrap_or_else(PoisonError::into_inner) = latest;
        }
    }
}

/// Returns the comparison of the clocks, and how long the answer took.
async fn compare(database: &Database) -> Result<(Compared, Duration), StoreError> {
    let asked = SystemClock.monotonic();
    let row = database.one(query(NOW)).await?;
    let took = SystemClock.monotonic().saturating_sub(asked);
    let compared = Compared {
        database: Timestamp::from_millis(row.try_get(0).map_err(failed)?),
        monotonic: asked + took / 2,
    };
    Ok((compared, took))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_goes_on_from_the_last_comparison() {
        let compared = Compared {
            database: Timestamp::from_millis(1_000_000),
            monotonic: Duration::from_secs(5),
        };
        let later = compared.at(Duration::from_millis(7_500));
        assert_eq!(later, Timestamp::from_millis(1_002_500));
        let earlier = compared.at(Duration::ZERO);
        assert_eq!(earlier, Timestamp::from_millis(1_000_000), "never back");
    }
}
