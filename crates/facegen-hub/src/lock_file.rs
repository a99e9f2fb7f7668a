//! `models.lock`: the fetched files, their sources and their hashes, and the hashes of packed weights.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use facegen_core::preset::HubFile;
use facegen_core::sha256;
use facegen_core::stamp::stamp;
use serde::{Deserialize, Serialize};

use crate::HubError;
use crate::store::{Store, StoreLock, write_whole};

/// The content of `models.lock`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockFile {
    #[serde(default, rename = "file")]
    files: Vec<LockedFile>,
    #[serde(default, rename = "pack", skip_serializing_if = "Vec::is_empty")]
    pub(super) packs: Vec<LockedPack>,
}

/// One file that was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockedFile {
    pub(super) repo: String,
    /// The preset's revision: a branch, a tag or a commit.
    pub(super) revision: String,
    pub(super) file: String,
    /// The commit of the revision when the file was fetched.
    pub(super) commit: String,
    /// The hub's name for the bytes.
    pub(super) blob: String,
    pub(super) size: u64,
    pub(super) sha256: String,
    /// The file's stamp when its hash was last verified.
    pub(super) stamp: Option<String>,
}

/// Packed weights of a preset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPack {
    /// The name of the preset.
    pub preset: String,
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// The hash that it had when it was written.
    pub sha256: String,
}

/// The state of a file, without reading it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It was never fetched, is gone, or is not the one that the preset names.
    Missing,
    /// It changed since it was verified.
    Touched(PathBuf),
    /// It did not change since it was verified.
    Verified(PathBuf),
}

impl LockFile {
    /// Reads the lock file of a store; without one it is empty.
    pub(super) fn read(store: &Store) -> Result<Self, HubError> {
        let path = path(store);
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| HubError::LockFile {
                path,
                reason: error.to_string(),
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(HubError::File { path, source }),
        }
    }

    /// Writes it, under the lock of the store.
    pub(super) fn write(&self, store: &Store, _: &StoreLock) -> Result<(), HubError> {
        let path = path(store);
        let text = toml::to_string(self).map_err(|error| HubError::LockFile {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        write_whole(&path, &format!("# Written by facegen.\n{text}"))
    }

    /// Adds a file, in place of its old entry.
    pub(super) fn put(&mut self, locked: LockedFile) {
        self.files.retain(|other| other.name() != locked.name());
        self.files.push(locked);
        self.files.sort_by(|a, b| a.name().cmp(&b.name()));
    }

    /// Removes the entry of a file.
    pub(super) fn forget(&mut self, locked: &LockedFile) {
        self.files.retain(|other| other.name() != locked.name());
    }

    /// Returns whether a file has these bytes.
    pub(super) fn has_blob(&self, repo: &str, blob: &str) -> bool {
        let mut files = self.files.iter();
        files.any(|locked| (&*locked.repo, &*locked.blob) == (repo, blob))
    }

    /// Returns the entry of a file.
    pub(super) fn get(&self, file: &HubFile) -> Option<&LockedFile> {
        self.files.iter().find(|locked| locked.is(file))
    }

    /// Returns a file's state without reading it. `expected` is the preset's hash.
    pub(super) fn presence(
        &self,
        store: &Store,
        file: &HubFile,
        expected: Option<&str>,
    ) -> Presence {
        let Some(locked) = self.get(file) else {
            return Presence::Missing;
        };
        if expected.is_some_and(|expected| expected != locked.sha256) {
            return Presence::Missing;
        }
        let path = store.snapshot(&locked.repo, &locked.commit, &locked.file);
        match fs::metadata(&path) {
            Err(_) => Presence::Missing,
            Ok(metadata) if locked.stamp.as_ref() == Some(&stamp(&metadata)) => {
                Presence::Verified(path)
            }
            Ok(_) => Presence::Touched(path),
        }
    }

    /// Hashes a file, and records its stamp when the hash is right.
    ///
    /// # Errors
    /// Fails when the file cannot be read, or has another hash: then it counts
    /// as changed from now on.
    pub(super) fn verify(&mut self, file: &HubFile, path: &Path) -> Result<(), HubError> {
        let Some(locked) = self.files.iter_mut().find(|locked| locked.is(file)) else {
            return Ok(());
        };
        // Taken first: a write in the meantime makes the stamp stale.
        let before = fs::metadata(path).map_err(HubError::at(path))?;
        let found = sha256::of_file(path).map_err(HubError::at(path))?;
        if found == locked.sha256 {
            locked.stamp = Some(stamp(&before));
            return Ok(());
        }
        locked.stamp = None;
        Err(HubError::Damaged {
            path: path.to_owned(),
            expected: locked.sha256.clone(),
            found,
        })
    }
}

impl LockedFile {
    pub(super) fn name(&self) -> (&str, &str, &str) {
        (&self.repo, &self.revision, &self.file)
    }

    fn is(&self, file: &HubFile) -> bool {
        self.name() == (file.repo(), file.revision(), file.file())
    }
}

fn path(store: &Store) -> PathBuf {
    store.root().join("models.lock")
}
