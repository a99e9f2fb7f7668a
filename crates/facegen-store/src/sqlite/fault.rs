//! What is wrong with a database, and what shows that its files are still its own.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
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

/// The files of a database, as they were when it was opened.
#[derive(Debug, Clone)]
pub(crate) struct Files(Arc<Vec<(PathBuf, Identity)>>);

/// What tells a file from any other: its device and its number there.
type Identity = (u64, u64);

impl Files {
    /// Those of an open database.
    pub(crate) fn of(database: &Path) -> Self {
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
    pub(crate) fn are_there(&self) -> bool {
        let mut files = self.0.iter();
        files.all(|(path, known)| identity(path) == Some(*known))
    }
}

fn identity(path: &Path) -> Option<Identity> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
