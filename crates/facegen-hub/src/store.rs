//! The directory on disk, in the layout of `huggingface_hub`: the bytes lie under
//! `blobs` by their hash, and `snapshots` holds their names at a commit.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::HubError;

/// What was fetched, in the data directory.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
}

/// While it is held no other process changes the store.
#[derive(Debug)]
pub(super) struct StoreLock {
    /// Unlocked by the system when it is closed, however the process ends.
    _file: File,
}

impl Store {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            root: data_dir.join("models"),
        }
    }

    /// The directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the directory if it is not there.
    pub(super) fn create(&self) -> Result<(), HubError> {
        fs::create_dir_all(&self.root).map_err(HubError::at(&self.root))
    }

    /// Where the bytes of a file lie. `blob` is the hub's name for them.
    pub(super) fn blob(&self, repo: &str, blob: &str) -> PathBuf {
        self.repo(repo).join("blobs").join(blob)
    }

    /// Where a file lies by its own name.
    pub(super) fn snapshot(&self, repo: &str, commit: &str, file: &str) -> PathBuf {
        self.repo(repo).join("snapshots").join(commit).join(file)
    }

    /// Gives the bytes of `blob` their name, in place of what had it.
    pub(super) fn link(
        &self,
        repo: &str,
        blob: &str,
        commit: &str,
        file: &str,
    ) -> Result<PathBuf, HubError> {
        let path = self.snapshot(repo, commit, file);
        let upwards = "../".repeat(file.split('/').count() + 1);
        let link = || -> io::Result<()> {
            fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
            let new = path.with_extension("new-link");
            let _ = fs::remove_file(&new);
            symlink(format!("{upwards}blobs/{blob}"), &new)?;
            fs::rename(&new, &path)
        };
        link().map_err(HubError::at(&path))?;
        Ok(path)
    }

    /// Waits until no other process changes the store. `waiting` is told when
    /// that is not at once.
    pub(super) fn lock(&self, waiting: impl FnOnce()) -> Result<StoreLock, HubError> {
        if let Some(lock) = self.try_lock()? {
            return Ok(lock);
        }
        waiting();
        let path = self.lock_path();
        let file = File::create(&path).map_err(HubError::at(&path))?;
        file.lock().map_err(HubError::at(&path))?;
        Ok(StoreLock { _file: file })
    }

    /// The lock, unless another process has it.
    pub(super) fn try_lock(&self) -> Result<Option<StoreLock>, HubError> {
        let path = self.lock_path();
        let file = File::create(&path).map_err(HubError::at(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(StoreLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(HubError::File { path, source }),
        }
    }

    fn repo(&self, repo: &str) -> PathBuf {
        self.root
            .join(format!("models--{}", repo.replace('/', "--")))
    }

    fn lock_path(&self) -> PathBuf {
        self.root.join("store.lock")
    }
}

/// Writes a small file whole or not at all.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<(), HubError> {
    let new = path.with_extension("new");
    let write = || -> io::Result<()> {
        fs::write(&new, text)?;
        File::open(&new)?.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(HubError::at(path))
}
