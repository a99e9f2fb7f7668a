//! Images in a local directory.
//!
//! A file is written under a temporary name, synchronised, and only then
//! renamed, so that a reader sees it whole or not at all, after a crash too.

#[cfg(test)]
mod tests;

use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use facegen_core::{ErrorCode, ImageStore, ObjectName, StorageError, StoredObject, Timestamp};
use rustix::fs::OFlags;
use tempfile::NamedTempFile;
use thiserror::Error;
use tokio::task;

/// The prefix of temporary names.
const PART_PREFIX: &str = "part-";
/// The suffix of temporary names.
const PART_SUFFIX: &str = ".tmp";
/// How many bytes are written to test whether there is space.
const CHECK_BYTES: usize = 256 << 10;

/// Keeps images in one directory, readable only by the server's user.
#[derive(Debug, Clone)]
pub struct DirectoryStore {
    directory: PathBuf,
}

impl DirectoryStore {
    /// Opens the store in `directory`, and creates the directory if needed.
    ///
    /// # Errors
    /// Fails when the directory cannot be created, or no file can be written into it.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, DirectoryError> {
        let directory = directory.into();
        if let Err(source) = make_directory(&directory) {
            return Err(DirectoryError::NotMade { directory, source });
        }
        if let Err(source) = temporary_file(&directory) {
            return Err(DirectoryError::NotWritable { directory, source });
        }
        Ok(Self { directory })
    }

    /// Runs `work` on a blocking thread.
    async fn blocking<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let directory = self.directory.clone();
        let done = task::spawn_blocking(move || work(&directory)).await;
        // The text of an `io::Error` may hold a path, its kind does not.
        done.map_err(|_| StorageError(format!("{action}: the task ended early")))?
            .map_err(|error| StorageError(format!("{action}: {}", error.kind())))
    }
}

#[async_trait]
impl ImageStore for DirectoryStore {
    async fn put(&self, object: &ObjectName, bytes: Vec<u8>) -> Result<(), StorageError> {
        let name = object.expose();
        self.blocking("a file cannot be written", move |directory| {
            let mut file = temporary_file(directory)?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            file.persist(directory.join(name))?;
            // Makes the new name durable too.
            File::open(directory)?.sync_all()
        })
        .await
    }

    async fn get(&self, object: &ObjectName) -> Result<Option<Vec<u8>>, StorageError> {
        let name = object.expose();
        self.blocking("a file cannot be read", move |directory| {
            let Some(mut file) = unless_missing(open_file(&directory.join(name)))? else {
                return Ok(None);
            };
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        })
        .await
    }

    async fn open(&self, object: &ObjectName) -> Result<Option<StoredObject>, StorageError> {
        let name = object.expose();
        self.blocking("a file cannot be opened", move |directory| {
            let Some(file) = unless_missing(open_file(&directory.join(name)))? else {
                return Ok(None);
            };
            let bytes = file.metadata()?.len();
            Ok(Some(StoredObject::File { file, bytes }))
        })
        .await
    }

    /// Writes as much as a small image under a temporary name: a full disk has
    /// space for a few bytes.
    async fn check(&self) -> Result<(), StorageError> {
        self.blocking("no file can be written", |directory| {
            let mut file = temporary_file(directory)?;
            file.write_all(&[0; CHECK_BYTES])
        })
        .await
    }

    async fn delete(&self, object: &ObjectName) -> Result<(), StorageError> {
        let name = object.expose();
        self.blocking("a file cannot be removed", move |directory| {
            unless_missing(fs::remove_file(directory.join(name))).map(drop)
        })
        .await
    }

    /// Deletes by the files' times of modification. Temporary files that a
    /// crash has left are deleted too and not counted; files with other names
    /// stay.
    async fn delete_before(&self, moment: Timestamp) -> Result<usize, StorageError> {
        self.blocking("old files cannot be removed", move |directory| {
            let mut removed = 0;
            for entry in fs::read_dir(directory)? {
                removed += usize::from(remove_if_older(&entry?, moment)?);
            }
            Ok(removed)
        })
        .await
    }
}

/// Opens a file to be read. Refuses symbolic links, and pipes, whose reader
/// would wait for a writer.
fn open_file(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or(0));
    let file = options.read(true).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no file")),
    }
}

/// Deletes a file of this store if it is older; returns whether it was an
/// object. A file that was removed meanwhile is not an error.
fn remove_if_older(entry: &DirEntry, moment: Timestamp) -> io::Result<bool> {
    let name = entry.file_name();
    let name = name.to_str().unwrap_or_default();
    let is_object = ObjectName::parse(name).is_some();
    let is_part = name.starts_with(PART_PREFIX) && name.ends_with(PART_SUFFIX);
    if !(is_object || is_part) {
        return Ok(false);
    }
    let Some(metadata) = unless_missing(entry.metadata())? else {
        return Ok(false);
    };
    if !metadata.is_file() || Timestamp::from(metadata.modified()?) >= moment {
        return Ok(false);
    }
    let removed = unless_missing(fs::remove_file(entry.path()))?;
    Ok(is_object && removed.is_some())
}

fn unless_missing<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates a file that only the server's user can read, and that is deleted
/// unless it is renamed.
fn temporary_file(directory: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(PART_PREFIX)
        .suffix(PART_SUFFIX)
        .tempfile_in(directory)
}

/// Creates the directory; one that exists keeps its mode.
fn make_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Why a directory cannot keep images.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// It does not exist and cannot be created.
    #[error("the image directory {} cannot be made", directory.display())]
    NotMade {
        /// The directory.
        directory: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It exists and cannot be written.
    #[error("the image directory {} cannot be written", directory.display())]
    NotWritable {
        /// The directory.
        directory: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl DirectoryError {
    /// Returns the kind of failure, for callers.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        ErrorCode::Internal
    }
}
