//! One process at a time.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::file::ensure_folder;

/// The right to work on a database, held until it is dropped or the process
/// dies, in whatever way.
///
/// Who holds it knows that every row in the state `running` belongs to a
/// process that is gone.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock of `database`, a file beside it. Makes the folder when
    /// it is not there.
    ///
    /// # Errors
    /// Another process has it, or the file cannot be made.
    pub(crate) fn acquire(database: &Path) -> Result<Self, StoreError> {
        let path = lock_path(database);
        let failed = |source| StoreError::File {
            path: path.clone(),
            source,
        };
        ensure_folder(&path)?;
        let file = File::create(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(database.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
