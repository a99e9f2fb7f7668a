//! The port to whether the database works.

use std::fmt;

use async_trait::async_trait;

use super::{StoreError, StoreFault};

/// How a process ended that gave nothing back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// It aborted, or its engine hung or broke: what it worked on may be why.
    FromInside,
    /// Nothing is known: it was killed, perhaps for its memory, or the power
    /// went.
    Unknown,
}

/// Knows whether the database works, and how the process before this one ended.
#[async_trait]
pub trait StoreHealth: fmt::Debug + Send + Sync {
    /// Returns what is wrong, as the latest check found.
    fn fault(&self) -> Option<StoreFault>;

    /// Refuses what is to be kept while it is known that it would not be, so
    /// that no caller waits for a writer that fails.
    ///
    /// # Errors
    /// The database cannot be written, or its files are gone.
    fn ensure_kept(&self) -> Result<(), StoreError> {
        match self.fault() {
            Some(fault @ (StoreFault::Gone | StoreFault::Unwritable | StoreFault::Stuck)) => {
                Err(StoreError::Fault(fault))
            }
            Some(StoreFault::Images | StoreFault::Unlocked) | None => Ok(()),
        }
    }

    /// Returns when a statement failed in a way that casts doubt on the
    /// database.
    async fn doubted(&self);

    /// Checks the database and returns what is wrong; in doubt it also writes.
    async fn check(&self, in_doubt: bool) -> Option<StoreFault>;

    /// Sets what [`StoreHealth::fault`] returns, and logs a change.
    fn set_fault(&self, fault: Option<StoreFault>);

    /// Returns whether no other process works on the database, so that whoever
    /// claimed something before is dead.
    fn is_exclusive(&self) -> bool;

    /// Returns how the former process ended, should it have given nothing back.
    fn former_death(&self) -> Death;

    /// Forgets how the former process ended, once its jobs are requeued.
    fn forget_death(&self);

    /// Records that this process is about to end because of what its engine
    /// works on.
    fn record_death_from_inside(&self);

    /// Closes the database: whatever is asked of the stores afterwards is
    /// refused.
    async fn close(&self);
}
