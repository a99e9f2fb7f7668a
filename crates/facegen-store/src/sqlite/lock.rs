//! The lock of a database, and how its previous holder ended.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use facegen_core::store::{Death, StoreError};
use rustix::fs::OFlags;
use signal_hook::SigId;
use signal_hook::consts::SIGABRT;
use signal_hook::low_level::{pipe, unregister};

use super::file::ensure_directory;

/// The lock of a database, held until it is dropped or the process dies in any
/// way.
///
/// Its holder knows that every row that is `running` belongs to a dead process.
/// A process that aborts leaves a mark in the file, which needs neither memory
/// nor the database.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
    database: PathBuf,
    abort: SigId,
}

impl DirectoryLock {
    /// Takes the lock of `database`, a file next to it. Creates a missing
    /// directory. Also returns how the previous process ended, if it did not
    /// release its jobs.
    ///
    /// # Errors
    /// Fails when another process holds it, or the file cannot be created.
    pub(crate) fn acquire(database: &Path) -> Result<(Self, Death), StoreError> {
        let path = lock_path(database);
        let failed = |source| StoreError::File {
            path: path.clone(),
            source,
        };
        ensure_directory(&path)?;
        let file = open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(database.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let death = match file.metadata().map_err(failed)?.len() {
            0 => Death::Unknown,
            _ => Death::FromInside,
        };
        let mark = file.try_clone().map_err(failed)?;
        let lock = Self {
            abort: pipe::register(SIGABRT, mark).map_err(failed)?,
            file,
            database: database.to_owned(),
        };
        Ok((lock, death))
    }

    /// Removes the mark of the previous process, once it has been handled.
    pub(crate) fn forget_death(&self) {
        if let Err(error) = self.file.set_len(0) {
            tracing::warn!(%error, "failed to remove the crash marker");
        }
    }

    /// Leaves the mark of a process that ends because of a job in its engine.
    pub(crate) fn note_death_from_inside(&self) {
        if let Err(error) = (&self.file).write_all(b"X") {
            tracing::warn!(%error, "failed to write the crash marker");
        }
    }

    /// Takes the lock again if its file was removed or replaced.
    ///
    /// # Errors
    /// Fails when another process holds it, or the file cannot be created.
    pub(crate) fn keep(&mut self) -> Result<(), StoreError> {
        let is_same = |there: fs::Metadata, own: fs::Metadata| {
            (there.dev(), there.ino()) == (own.dev(), own.ino())
        };
        let there = fs::symlink_metadata(lock_path(&self.database));
        if let (Ok(there), Ok(own)) = (there, self.file.metadata())
            && is_same(there, own)
        {
            return Ok(());
        }
        tracing::error!("lock file was removed, taking it again");
        let (lock, _) = Self::acquire(&self.database)?;
        *self = lock;
        Ok(())
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        unregister(self.abort);
    }
}

/// Opens the file, private to its owner, without following links.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or(0));
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    Ok(file)
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
