//! The stores that the config names.

use anyhow::{Context, Result};
use facegen_core::store::Stores;
use facegen_store::{PostgresSource, PostgresStore, SqliteStore};

use crate::config::Config;
use crate::data_dir::cannot_use;

/// Opens the stores for a server: those in the data directory for this process
/// alone, those in PostgreSQL as one of any number.
///
/// # Errors
/// They cannot be opened, or another server has the data directory.
pub(crate) async fn open_for_server(config: &Config) -> Result<Stores> {
    if let Some(source) = config.postgres() {
        return open_postgres(&source).await;
    }
    let store = SqliteStore::open_exclusive(&config.database()).await;
    let store = store.with_context(|| cannot_use(&config.storage.data_dir))?;
    Ok(store.into_stores())
}

/// Opens the stores, also while a server works on them.
///
/// # Errors
/// They cannot be opened.
pub(crate) async fn open(config: &Config) -> Result<Stores> {
    if let Some(source) = config.postgres() {
        return open_postgres(&source).await;
    }
    let database = config.database();
    let store = SqliteStore::open(&database).await;
    let store = store.with_context(|| format!("cannot open {}", database.display()))?;
    Ok(store.into_stores())
}

async fn open_postgres(source: &PostgresSource) -> Result<Stores> {
    let store = PostgresStore::open(source).await;
    Ok(store.context("cannot open the database")?.into_stores())
}
