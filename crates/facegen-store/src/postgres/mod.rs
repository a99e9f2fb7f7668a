//! The stores in one PostgreSQL database, for any number of processes.
//!
//! Statements that have to see all rows as they are, because they count limits or
//! serve keys round robin, are serialised by advisory locks of the database; all
//! others are compared with the attempt, as in SQLite.

mod bounded;
mod buckets;
mod clock;
mod connection;
pub(crate) mod database;
mod deliveries;
mod doubt;
mod events;
mod health;
mod housekeeping;
mod jobs;
mod keys;
mod locks;
mod nodes;
pub(crate) mod presence;
mod rate_limits;
mod rights;
mod schema;
mod session;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod text;
mod uploads;

use std::sync::Arc;

use facegen_core::Clock;
use facegen_core::store::{NodeRole, StoreError, Stores};

use buckets::PostgresBuckets;
use clock::DatabaseClock;
pub use connection::{PostgresSource, UrlError};
use database::Database;
use deliveries::PostgresDeliveries;
use events::PostgresEvents;
use health::PostgresHealth;
use housekeeping::PostgresHousekeeping;
use jobs::PostgresJobs;
use keys::PostgresKeys;
use nodes::PostgresNodes;
use rate_limits::PostgresRateLimits;
pub use schema::Schema;
use uploads::PostgresUploads;

/// The stores in one database.
#[derive(Debug)]
pub struct PostgresStore {
    database: Database,
    events: PostgresEvents,
    clock: Arc<DatabaseClock>,
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
            clock: Arc::new(DatabaseClock::start(&database).await?),
            database,
        })
    }

    /// Brings the tables up to date, as [`PostgresStore::open`] does, and
    /// returns what they are then.
    ///
    /// # Errors
    /// The database cannot be reached, or its tables are another program's.
    pub async fn migrate(source: &PostgresSource) -> Result<Schema, StoreError> {
        schema::bring_up_to_date(&source.options()?).await
    }

    /// Gives the rights that nodes of `role` need to the role `name` of the database.
    ///
    /// # Errors
    /// There is no such role, or the tables have another owner.
    pub async fn grant(
        source: &PostgresSource,
        role: NodeRole,
        name: &str,
    ) -> Result<(), StoreError> {
        rights::grant(&source.options()?, role, name).await
    }

    /// Returns the state of the tables, and changes nothing.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn schema(source: &PostgresSource) -> Result<Schema, StoreError> {
        schema::read(&source.options()?).await
    }

    /// Returns the clock of the database, which is the same for all processes
    /// on it.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as _
    }

    /// Returns all stores.
    #[must_use]
    pub fn into_stores(self) -> Stores {
        let Self {
            database, events, ..
        } = self;
        Stores {
            jobs: Arc::new(PostgresJobs::new(database.clone())),
            keys: Arc::new(PostgresKeys(database.clone())),
            buckets: Arc::new(PostgresBuckets(database.clone())),
            deliveries: Arc::new(PostgresDeliveries(database.clone())),
            uploads: Arc::new(PostgresUploads(database.clone())),
            rate_limits: Arc::new(PostgresRateLimits::new(database.clone())),
            nodes: Arc::new(PostgresNodes(database.clone())),
            housekeeping: Arc::new(PostgresHousekeeping(database.clone())),
            health: Arc::new(PostgresHealth(database)),
            events: Arc::new(events),
        }
    }
}
