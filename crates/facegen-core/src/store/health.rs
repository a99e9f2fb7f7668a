//! The port to the health of the database.

use std::fmt;

use async_trait::async_trait;

use super::{StoreError, StoreFault};

/// How a process ended that did not release its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// It aborted, or its engine hung or failed: a running job may be the
    /// cause.
    FromInside,
    /// The cause is unknown: it was killed, possibly for its memory, or power
    /// was lost.
    Unknown,
}

/// Checks the database, and knows how the previous process ended.
#[async_trait]
pub trait StoreHealth: fmt::Debug + Send + Sync {
    /// Returns the fault that the latest check found.
    fn fault(&self) -> Option<StoreFault>;

    /// Refuses writes while a fault is known that would lose them, so that no
    /// caller waits for a writer that fails.
    ///
    /// # Errors
    /// Fails when the database cannot be written, or its files are gone.
    fn ensure_kept(&self) -> Result<(), StoreError> {
        match self.fault() {
            Some(fault @ (StoreFault::Gone | StoreFault::Unwritable | StoreFault::Stuck)) => {
                Err(StoreError::Fault(fault))
            }
            Some(StoreFault::Images | StoreFault::Unlocked) | None => Ok(()),
        }
    }

    /// Waits until a statement fails in a way that may mean a fault of the
    /// database.
    async fn doubted(&self);

    /// Checks the database and returns its fault; `in_doubt` also tries a
    /// write.
    async fn check(&self, in_doubt: bool) -> Option<StoreFault>;

    /// Sets what [`StoreHealth::fault`] returns, and logs a change.
    fn set_fault(&self, fault: Option<StoreFault>);

    /// Returns whether no other process uses the database, so that earlier
    /// claims belong to dead processes.
    fn is_exclusive(&self) -> bool;

    /// Returns how the previous process ended, if it did not release its jobs.
    fn former_death(&self) -> Death;

    /// Forgets how the previous process ended, once its jobs are requeued.
    fn forget_death(&self);

    /// Records that this process is about to end because of a job in its
    /// engine.
    fn record_death_from_inside(&self);

    /// Closes the database: later calls of the stores fail.
    async fn close(&self);
}
