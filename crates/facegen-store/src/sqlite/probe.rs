//! Finds out whether the database can be written.

use std::time::Duration;

use facegen_core::store::{StoreError, StoreFault};
use tokio::time::timeout;

use super::database::Database;
use super::error::failed;

/// How long the writer may be waited for; longer than SQLite waits for another
/// process, so that its own answer counts.
const TIMEOUT: Duration = Duration::from_secs(4);

/// How many bytes are written to find out whether there is room.
const PROBE_BYTES: u32 = 256 << 10;

impl Database {
    /// Begins a transaction; if `writes`, also writes and deletes some bytes.
    ///
    /// # Errors
    /// It cannot.
    async fn try_writer(&self, writes: bool) -> Result<(), StoreError> {
        let pool = self.writer.pool();
        pool.begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed)?
            .rollback()
            .await
            .map_err(failed)?;
        if writes {
            sqlx::query("INSERT OR REPLACE INTO writer_probe VALUES (1, zeroblob(?))")
                .bind(PROBE_BYTES)
                .execute(pool)
                .await
                .map_err(failed)?;
            sqlx::query("DELETE FROM writer_probe")
                .execute(pool)
                .await
                .map_err(failed)?;
        }
        Ok(())
    }
}

/// What is wrong with the writer. If there is doubt, something is written.
pub(crate) async fn writer_fault(store: &Database, is_doubted: bool) -> Option<StoreFault> {
    match timeout(TIMEOUT, store.try_writer(is_doubted)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            // Not once a second.
            if store.fault.get() != Some(StoreFault::Unwritable) {
                tracing::warn!(%error, "database is not writable");
            }
            Some(StoreFault::Unwritable)
        }
        Err(_) => Some(StoreFault::Stuck),
    }
}
