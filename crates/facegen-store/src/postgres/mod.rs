//! The stores in one PostgreSQL database, for any number of processes.
//!
//! Statements that have to see all rows as they are, because they count limits or
//! serve keys round robin, are serialised by advisory locks of the database; all
//! others are compared with the attempt, as in SQLite.

mod buckets;
mod connection;
mod database;
mod deliveries;
mod events;
mod health;
mod housekeeping;
mod jobs;
mod keys;
mod presence;
mod rate_limits;
#[cfg(test)]
mod tests;
mod text;
mod uploads;

use std::sync::Arc;

use facegen_core::store::{StoreError, Stores};

use buckets::PostgresBuckets;
pub use connection::{PostgresSource, UrlError};
use database::Database;
use deliveries::PostgresDeliveries;
use events::PostgresEvents;
use health::PostgresHealth;
use housekeeping::PostgresHousekeeping;
use jobs::PostgresJobs;
use keys::PostgresKeys;
use rate_limits::PostgresRateLimits;
use uploads::PostgresUploads;

/// The stores in one database.
#[derive(Debug)]
pub struct PostgresStore {
    database: Database,
    events: PostgresEvents,
}

impl PostgresStore {
    /// Connects to a database, and brings its tables up to date. Other processes
    /// may work on it. There must be a tokio runtime, in which events are passed
    /// on until the stores are gone.
    ///
    /// # Errors
    /// The database cannot be reached, or its tables are another program's.
    pub async fn open(source: &PostgresSource) -> Result<Self, StoreError> {
        let database = Database::connect(source.options()?).await?;
        Ok(Self {
            events: PostgresEvents::listen(&database).await?,
            database,
        })
    }

    /// Returns all stores.
    #[must_use]
    pub fn into_stores(self) -> Stores {
        let Self { database, events } = self;
        Stores {
            jobs: Arc::new(PostgresJobs::new(database.clone())),
            keys: Arc::new(PostgresKeys(database.clone())),
            buckets: Arc::new(PostgresBuckets(database.clone())),
            deliveries: Arc::new(PostgresDeliveries(database.clone())),
            uploads: Arc::new(PostgresUploads(database.clone())),
            rate_limits: Arc::new(PostgresRateLimits::new(database.clone())),
            housekeeping: Arc::new(PostgresHousekeeping(database.clone())),
            health: Arc::new(PostgresHealth(database)),
            events: Arc::new(events),
        }
    }
}
