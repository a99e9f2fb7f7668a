//! Whether the database can be relied upon at this moment.
//!
//! Once a second it is asked whether it takes writes: after a failover the
//! connection may lead to a standby. When a statement has failed, and until
//! one works again, something is written and rolled back.

use std::time::Duration;

use async_trait::async_trait;
use facegen_core::store::{Death, StoreError, StoreFault, StoreHealth};
use sqlx::{Row as _, query};
use tokio::time::timeout;

use super::database::Database;
use crate::rows::failed;

/// How long the database may be waited for.
const TIMEOUT: Duration = Duration::from_secs(4);

/// How many bytes are written to find out whether there is room.
const PROBE_BYTES: i32 = 256 << 10;

const IS_READ_ONLY: &str =
    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean";

const PROBE: &str = "INSERT INTO writer_probe VALUES (convert_to(repeat('x', $1), 'UTF8'))";

/// Whether one database works. Other processes may work on it, so that a worker
/// is known to be dead by its lease alone.
#[derive(Debug, Clone)]
pub(super) struct PostgresHealth(pub(super) Database);

impl PostgresHealth {
    /// Returns whether writes are taken; in doubt it also writes.
    async fn takes_writes(&self, in_doubt: bool) -> Result<bool, StoreError> {
        let database = self.0.in_background(TIMEOUT);
        let mut transaction = database.begin().await?;
        let state = transaction.one(query(IS_READ_ONLY)).await?;
        let is_read_only: bool = state.try_get(0).map_err(failed)?;
        if in_doubt && !is_read_only {
            let probe = query(PROBE).bind(PROBE_BYTES);
            transaction.execute(probe).await?;
        }
        transaction.roll_back().await?;
        Ok(!is_read_only)
    }

    fn unwritable(&self, reason: &str) -> StoreFault {
        // Not once a second.
        if self.0.fault.get() != Some(StoreFault::Unwritable) {
            tracing::warn!(reason, "database is not writable");
        }
        StoreFault::Unwritable
    }
}

#[async_trait]
impl StoreHealth for PostgresHealth {
    fn fault(&self) -> Option<StoreFault> {
        self.0.fault.get()
    }

    async fn doubted(&self) {
        self.0.doubted().await;
    }

    async fn check(&self, in_doubt: bool) -> Option<StoreFault> {
        match timeout(TIMEOUT, self.takes_writes(in_doubt)).await {
            Ok(Ok(true)) => None,
            Ok(Ok(false)) => Some(self.unwritable("it is read-only")),
            Ok(Err(error)) => Some(self.unwritable(&error.to_string())),
            Err(_) => Some(StoreFault::Stuck),
        }
    }

    fn set_fault(&self, fault: Option<StoreFault>) {
        self.0.fault.set(fault);
    }

    fn is_exclusive(&self) -> bool {
        false
    }

    fn former_death(&self) -> Death {
        Death::Unknown
    }

    fn forget_death(&self) {}

    fn record_death_from_inside(&self) {}

    async fn close(&self) {
        self.0.pool.close().await;
    }
}
