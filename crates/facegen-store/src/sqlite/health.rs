//! The health of the database.
//!
//! Once a second it is checked whether the files and the lock still exist, and
//! whether a transaction can begin. After a statement has failed, and until one
//! works again, the check also writes as many bytes as a small photo: a full
//! disk can have room for a few.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use facegen_core::store::{Death, StoreFault, StoreHealth};

use super::database::Database;
use super::lock::DirectoryLock;
use super::probe::writer_fault;

/// The health of one database.
#[derive(Debug, Clone)]
pub(crate) struct SqliteHealth {
    database: Database,
    /// The lock, unless the database is shared, and how its previous holder
    /// ended.
    lock: Option<Arc<Mutex<DirectoryLock>>>,
    death: Death,
}

impl SqliteHealth {
    /// Watches this database.
    pub(crate) fn new(database: Database, lock: Option<(DirectoryLock, Death)>) -> Self {
        let (lock, death) = lock.unzip();
        Self {
            database,
            lock: lock.map(|lock| Arc::new(Mutex::new(lock))),
            death: death.unwrap_or(Death::Unknown),
        }
    }

    fn with_lock<T>(&self, work: impl FnOnce(&mut DirectoryLock) -> T) -> Option<T> {
        let lock = self.lock.as_ref()?;
        Some(work(
            &mut lock.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }

    /// Checks the files and the lock.
    async fn files_fault(&self) -> Option<StoreFault> {
        let this = self.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let is_locked = this.with_lock(|lock| lock.keep().is_ok()).unwrap_or(true);
            (this.database.files.are_there(), is_locked)
        });
        match looking.await {
            Ok((false, _)) => Some(StoreFault::Gone),
            Ok((true, false)) => Some(StoreFault::Unlocked),
            Ok((true, true)) | Err(_) => None,
        }
    }
}

#[async_trait]
impl StoreHealth for SqliteHealth {
    fn fault(&self) -> Option<StoreFault> {
        self.database.fault.get()
    }

    async fn doubted(&self) {
        self.database.writer.doubted().await;
    }

    async fn check(&self, in_doubt: bool) -> Option<StoreFault> {
        match self.files_fault().await {
            Some(fault) => Some(fault),
            None => writer_fault(&self.database, in_doubt).await,
        }
    }

    fn set_fault(&self, fault: Option<StoreFault>) {
        self.database.fault.set(fault);
    }

    fn is_exclusive(&self) -> bool {
        self.lock.is_some()
    }

    fn former_death(&self) -> Death {
        self.death
    }

    fn forget_death(&self) {
        self.with_lock(|lock| lock.forget_death());
    }

    fn record_death_from_inside(&self) {
        self.with_lock(|lock| lock.note_death_from_inside());
    }

    async fn close(&self) {
        self.database.close().await;
    }
}
