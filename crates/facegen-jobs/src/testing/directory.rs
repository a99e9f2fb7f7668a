//! A store of images that outlives its process.

use std::fs;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use facegen_core::{ImageStore, ObjectName, StorageError, Timestamp};

/// A store of images that outlives its process.
#[derive(Debug, Clone)]
pub(crate) struct DirectoryStore(pub(crate) PathBuf);

impl DirectoryStore {
    fn path(&self, object: &ObjectName) -> PathBuf {
        let name = format!("{}.{}", object.attempt, object.file.expose());
        self.0.join(name)
    }

    /// Returns how many files there are.
    pub(crate) fn len(&self) -> usize {
        fs::read_dir(&self.0).map_or(0, Iterator::count)
    }
}

#[async_trait]
impl ImageStore for DirectoryStore {
    async fn put(&self, object: &ObjectName, bytes: Vec<u8>) -> Result<(), StorageError> {
        fs::create_dir_all(&self.0).unwrap();
        fs::write(self.path(object), bytes).unwrap();
        Ok(())
    }

    async fn get(&self, object: &ObjectName) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(fs::read(self.path(object)).ok())
    }

    async fn delete(&self, object: &ObjectName) -> Result<(), StorageError> {
        let _ = fs::remove_file(self.path(object));
        Ok(())
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<usize, StorageError> {
        let old = |path: &Path| Timestamp::from(fs::metadata(path).unwrap().modified().unwrap());
        let files = fs::read_dir(&self.0).into_iter().flatten();
        let paths = files.map(|file| file.unwrap().path());
        let deleted = paths.filter(|path| old(path) < moment);
        Ok(deleted.map(|path| fs::remove_file(path).unwrap()).count())
    }
}
