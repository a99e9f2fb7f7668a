//! The directory on disk, in the layout of `huggingface_hub`: `blobs` holds the
//! bytes by their hash, and `snapshots` links to them by name at a commit.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use hf_hub::{Cache, Repo};

use crate::HubError;

/// The fetched files in the data directory.
#[derive(Debug)]
pub(super) struct Store {
    cache: Cache,
}

/// The lock of the store: while it is held, no other process changes the store.
#[derive(Debug)]
pub(super) struct StoreLock {
    /// The system unlocks it when the process ends, in whatever way.
    _file: File,
}

impl Store {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            cache: Cache::new(data_dir.join("models")),
        }
    }

    /// Returns the directory.
    pub(super) fn root(&self) -> &Path {
        self.cache.path()
    }

    /// Creates the directory if it is missing.
    pub(super) fn create(&self) -> Result<(), HubError> {
        fs::create_dir_all(self.root()).map_err(HubError::at(self.root()))
    }

    /// Returns the path of a file's bytes. `blob` is the hub's name for them.
    pub(super) fn blob(&self, repo: &str, blob: &str) -> PathBuf {
        let repo = Repo::model(repo.to_owned()).folder_name();
        self.root().join(repo).join("blobs").join(blob)
    }

    /// Returns the path of a file by its name in the repository.
    pub(super) fn snapshot(&self, repo: &str, commit: &str, file: &str) -> PathBuf {
        let cached = self.cache.model(repo.to_owned());
        cached.pointer_path(commit).join(file)
    }

    /// Links the name of a file to `blob`, in place of an older link.
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
            fs::create_dir_all(path.parent().unwrap_or(self.root()))?;
            let new = path.with_extension("new-link");
            let _ = fs::remove_file(&new);
            symlink(format!("{upwards}blobs/{blob}"), &new)?;
            fs::rename(&new, &path)
        };
        link().map_err(HubError::at(&path))?;
        Ok(path)
    }

    /// Takes the lock of the store. Calls `waiting` first when another process
    /// holds it.
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

    /// Takes the lock, unless another process holds it.
    pub(super) fn try_lock(&self) -> Result<Option<StoreLock>, HubError> {
        let path = self.lock_path();
        let file = File::create(&path).map_err(HubError::at(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(StoreLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(HubError::File { path, source }),
        }
    }

    fn lock_path(&self) -> PathBuf {
        self.root().join("store.lock")
    }
}

/// Writes a small file atomically.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<(), HubError> {
    let new = path.with_extension("new");
    let write = || -> io::Result<()> {
        fs::write(&new, text)?;
        File::open(&new)?.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(HubError::at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hf_hub_finds_a_linked_file_in_its_own_layout() {
        let data_dir = tempfile::tempdir().unwrap();
        let store = Store::new(data_dir.path());
        let (repo, commit, file) = ("lab/faces-2", "0a1b2c3", "unet/w.bin");
        let blob = store.blob(repo, "b10b");
        fs::create_dir_all(blob.parent().unwrap()).unwrap();
        fs::write(&blob, b"weights").unwrap();
        let path = store.link(repo, "b10b", commit, file).unwrap();

        let root = data_dir.path().join("models/models--lab--faces-2");
        assert_eq!(blob, root.join("blobs/b10b"));
        assert_eq!(path, root.join("snapshots/0a1b2c3/unet/w.bin"));
        assert_eq!(fs::read(&path).unwrap(), b"weights");
        // It looks for files by the name of a branch, which the store does not record.
        let cached = Cache::new(data_dir.path().join("models")).model(repo.to_owned());
        cached.create_ref(commit).unwrap();
        assert_eq!(cached.get(file), Some(path));
        assert_eq!(cached.get("unet/v.bin"), None);
    }
}
