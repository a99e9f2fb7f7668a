//! What is wrong with a database.

use std::sync::{Arc, Mutex, PoisonError};

use facegen_core::store::StoreFault;

/// What is wrong with the database, if anything. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fault(Arc<Mutex<Option<StoreFault>>>);

impl Fault {
    /// What is wrong.
    pub(crate) fn get(&self) -> Option<StoreFault> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, fault: Option<StoreFault>) {
        let before = {
            let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, fault)
        };
        match fault {
            Some(fault) if before != Some(fault) => {
                tracing::error!(reason = %fault, "storage failed");
            }
            None if before.is_some() => {
                tracing::info!("storage recovered")
            }
            Some(_) | None => {}
        }
    }
}
