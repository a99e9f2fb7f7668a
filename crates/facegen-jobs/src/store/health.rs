//! Whether the database can be relied upon at this moment.
//!
//! Once a second it is asked whether its files and the lock are where they were,
//! and whether a transaction can begin. When a statement has failed, and until
//! one works again, so much is written as a small photograph takes: a disk that
//! is full has room for a little now and then.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Store, StoreError};
use crate::service::shared::Shared;

/// How often the database is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The shortest time between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// How long the writer may be waited for; longer than SQLite waits for another
/// process, so that its own answer counts.
const PATIENCE: Duration = Duration::from_secs(7);

/// How many bytes are written to find out whether there is room.
const PROBE_BYTES: u32 = 256 << 10;

/// What is wrong with the database, in words that anybody may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StoreFault {
    /// Statements that write fail.
    #[error("the database cannot be written, the log says why")]
    Unwritable,
    /// The writer is waited for too long.
    #[error("the database is locked by another process or too slow")]
    Stuck,
    /// Its files were deleted or replaced: what is written now is lost.
    #[error(
        "the files of the database were deleted or replaced, this process must be started again"
    )]
    Gone,
    /// The lock is not held any more.
    #[error("the lock of the data folder was removed and cannot be taken again")]
    Unlocked,
}

/// What is wrong with the database, if anything. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<Mutex<Option<StoreFault>>>);

impl Health {
    /// What is wrong.
    pub(crate) fn fault(&self) -> Option<StoreFault> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses what is to be kept while nothing that is written is kept.
    ///
    /// # Errors
    /// The files of the database are gone.
    pub(crate) fn ensure_kept(&self) -> Result<(), StoreError> {
        match self.fault() {
            Some(fault @ StoreFault::Gone) => Err(StoreError::Fault(fault)),
            Some(StoreFault::Unwritable | StoreFault::Stuck | StoreFault::Unlocked) | None => {
                Ok(())
            }
        }
    }

    fn set(&self, fault: Option<StoreFault>) {
        let before = {
            let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, fault)
        };
        match fault {
            Some(fault) if before != Some(fault) => {
                tracing::error!(reason = %fault, "the database is not ready");
            }
            None if before.is_some() => tracing::info!("the database is ready again"),
            Some(_) | None => {}
        }
    }
}

/// The files of a database, as they were when it was opened.
#[derive(Debug, Clone)]
pub(super) struct Files(Arc<Vec<(PathBuf, Identity)>>);

/// What tells a file from any other: its device and its number there.
type Identity = (u64, u64);

impl Files {
    /// Those of an open database.
    pub(super) fn of(database: &Path) -> Self {
        let beside = |ending: &str| {
            let mut name = database.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let paths = ["", "-wal", "-shm"].map(beside).into_iter();
        let known = paths.filter_map(|path| identity(&path).map(|identity| (path, identity)));
        Self(Arc::new(known.collect()))
    }

    /// Whether all of them are still there. May block.
    fn are_there(&self) -> bool {
        let mut files = self.0.iter();
        files.all(|(path, known)| identity(path) == Some(*known))
    }
}

fn identity(path: &Path) -> Option<Identity> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

impl Store {
    /// Begins a transaction; if `writes`, also writes and deletes some bytes.
    ///
    /// # Errors
    /// It cannot.
    async fn try_writer(&self, writes: bool) -> Result<(), StoreError> {
        let pool = self.writer.pool();
        pool.begin_with("BEGIN IMMEDIATE").await?.rollback().await?;
        if writes {
            sqlx::query("INSERT OR REPLACE INTO writer_probe VALUES (1, zeroblob(?))")
                .bind(PROBE_BYTES)
                .execute(pool)
                .await?;
            sqlx::query("DELETE FROM writer_probe")
                .execute(pool)
                .await?;
        }
        Ok(())
    }
}

/// Looks at the database until it is stopped.
pub(crate) async fn watch(shared: Arc<Shared>, stop: CancellationToken) {
    let store = shared.store.clone();
    let look_again_and_again = async {
        loop {
            let is_doubted = tokio::select! {
                () = store.writer.doubted() => true,
                () = sleep(LOOK_EVERY) => store.health.fault().is_some(),
            };
            store.health.set(look(&shared, is_doubted).await);
            sleep(PAUSE).await;
        }
    };
    let _: Option<()> = stop.run_until_cancelled(look_again_and_again).await;
}

/// What is wrong at this moment.
async fn look(shared: &Arc<Shared>, is_doubted: bool) -> Option<StoreFault> {
    let files = shared.store.files.clone();
    let lock = Arc::clone(shared);
    let looking = tokio::task::spawn_blocking(move || (files.are_there(), lock.keep_lock()));
    match looking.await {
        Ok((false, _)) => return Some(StoreFault::Gone),
        Ok((true, Err(_))) => return Some(StoreFault::Unlocked),
        Ok((true, Ok(()))) | Err(_) => {}
    }
    writer_fault(&shared.store, is_doubted).await
}

/// What is wrong with the writer. If there is doubt, something is written.
pub(super) async fn writer_fault(store: &Store, is_doubted: bool) -> Option<StoreFault> {
    match timeout(PATIENCE, store.try_writer(is_doubted)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            // Not once a second.
            if store.health.fault() != Some(StoreFault::Unwritable) {
                tracing::warn!(%error, "the database cannot be written");
            }
            Some(StoreFault::Unwritable)
        }
        Err(_) => Some(StoreFault::Stuck),
    }
}
