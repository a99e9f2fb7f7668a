//! Checks whether the database can be written.

use std::time::Duration;

use facegen_core::store::{StoreError, StoreFault};
use tokio::time::timeout;

use super::database::Database;
use crate::rows::failed;

/// How long the check waits for the writer; longer than SQLite waits for
/// another process, so that SQLite's own error is reported.
const TIMEOUT: Duration = Duration::from_secs(4);

/// How many bytes are written to check that there is room.
const PROBE_BYTES: u32 = 256 << 10;

impl Database {
    /// Begins a transaction; if `writes`, also writes and deletes some bytes.
    ///
    /// # Errors
    /// Fails when it cannot.
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

/// Returns the fault of the writer. In doubt, also tries a write.
pub(crate) async fn writer_fault(store: &Database, is_doubted: bool) -> Option<StoreFault> {
    match timeout(TIMEOUT, store.try_writer(is_doubted)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            // Logs the change only, not every second.
            if store.fault.get() != Some(StoreFault::Unwritable) {
                tracing::warn!(%error, "database is not writable");
            }
            Some(StoreFault::Unwritable)
        }
        Err(_) => Some(StoreFault::Stuck),
    }
}
