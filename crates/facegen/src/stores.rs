//! The stores that the config names.

use std::sync::Arc;

use anyhow::{Context, Result};
use facegen_core::store::Stores;
use facegen_core::{Clock, SystemClock};
use facegen_store::{PostgresSource, PostgresStore, SqliteStore};

use crate::config::Config;
use crate::data_dir::cannot_use;

/// Opens the stores for a server: those in the data directory for this process
/// alone, those in PostgreSQL as one of any number. Returns the clock that counts
/// for them, too.
///
/// # Errors
/// They cannot be opened, or another server has the data directory.
pub(crate) async fn open_for_server(config: &Config) -> Result<(Stores, Arc<dyn Clock>)> {
    if let Some(source) = config.postgres() {
        return open_postgres(&source).await;
    }
    let store = SqliteStore::open_exclusive(&config.database()).await;
    let store = store.with_context(|| cannot_use(&config.storage.data_dir))?;
    Ok((store.into_stores(), Arc::new(SystemClock)))
}

/// Opens the stores, also while a server works on them.
///
/// # Errors
/// They cannot be opened.
pub(crate) async fn open(config: &Config) -> Result<Stores> {
    Ok(open_with_clock(config).await?.0)
}

/// Opens the stores as [`open`] does, with the clock that counts for them.
///
/// # Errors
/// They cannot be opened.
pub(crate) async fn open_with_clock(config: &Config) -> Result<(Stores, Arc<dyn Clock>)> {
    if let Some(source) = config.postgres() {
        return open_postgres(&source).await;
    }
    let database = config.database();
    let store = SqliteStore::open(&database).await;
    let store = store.with_context(|| format!("cannot open {}", database.display()))?;
    Ok((store.into_stores(), Arc::new(SystemClock)))
}

async fn open_postgres(source: &PostgresSource) -> Result<(Stores, Arc<dyn Clock>)> {
    let store = PostgresStore::open(source).await;
    let store = store.context("cannot open the database")?;
    let clock = store.clock();
    Ok((store.into_stores(), clock))
}
