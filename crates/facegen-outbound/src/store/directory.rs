//! Images in a local directory.
//!
//! A file is written under a temporary name, synchronised, and only then
//! renamed, so that a reader sees it whole or not at all, after a crash too.

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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::store::conformance::{image_store_suite, object};

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn set_age(path: &Path, age: Duration) {
        let file = File::options().append(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    #[tokio::test]
    async fn a_directory_passes_the_conformance_suite() {
        let directory = tempfile::tempdir().unwrap();
        image_store_suite(&DirectoryStore::open(directory.path()).unwrap()).await;
        assert_eq!(names(directory.path()), Vec::<String>::new());
    }

    #[tokio::test]
    async fn files_are_private_and_named_after_their_attempt() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("a/b");
        let store = DirectoryStore::open(&directory).unwrap();
        let object = object(0, 3);
        store.put(&object, b"image".to_vec()).await.unwrap();
        let name = format!("{}-0.a3.png", object.file.prefix.expose());
        assert_eq!(names(&directory), [name.as_str()]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&directory), mode(&directory.join(name))),
            (0o700, 0o600)
        );
    }

    #[tokio::test]
    async fn links_and_pipes_in_place_of_an_image_are_not_read() {
        let outer = tempfile::tempdir().unwrap();
        let directory = outer.path().join("pictures");
        let store = DirectoryStore::open(&directory).unwrap();
        let elsewhere = outer.path().join("elsewhere");
        fs::write(&elsewhere, "a secret").unwrap();
        let [link, pipe, socket] = [0, 1, 2].map(|index| object(index, 1));
        std::os::unix::fs::symlink(&elsewhere, directory.join(link.expose())).unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(directory.join(pipe.expose()))
            .status();
        assert!(made.unwrap().success());
        let path = directory.join(socket.expose());
        let _listener = std::os::unix::net::UnixListener::bind(path).unwrap();
        for object in [link, pipe, socket] {
            let read = tokio::time::timeout(Duration::from_secs(20), store.get(&object));
            assert!(read.await.expect("it does not hang").is_err());
            let opened = tokio::time::timeout(Duration::from_secs(20), store.open(&object));
            assert!(opened.await.expect("it does not hang").is_err());
            // A later write may replace it.
            store.put(&object, b"image".to_vec()).await.unwrap();
            assert_eq!(store.get(&object).await, Ok(Some(b"image".to_vec())));
        }
        assert_eq!(fs::read(&elsewhere).unwrap(), b"a secret");
    }

    #[tokio::test]
    async fn old_files_of_the_store_are_deleted_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(directory.path()).unwrap();
        let (old, new) = (object(0, 1), object(1, 1));
        store.put(&old, vec![1]).await.unwrap();
        store.put(&new, vec![2]).await.unwrap();
        let others = ["README", "part-of-something.png", "x.a1.png"];
        for name in others.iter().chain(&["part-abc.tmp"]) {
            fs::write(directory.path().join(name), "x").unwrap();
            set_age(&directory.path().join(name), Duration::from_secs(7200));
        }
        fs::create_dir(directory.path().join(object(9, 1).expose())).unwrap();
        set_age(
            &directory.path().join(old.expose()),
            Duration::from_secs(7200),
        );
        let hour_ago = Timestamp::from(SystemTime::now()) - Duration::from_secs(3600);
        assert_eq!(store.delete_before(hour_ago).await, Ok(1));
        assert_eq!(store.get(&old).await, Ok(None));
        assert_eq!(store.get(&new).await, Ok(Some(vec![2])));
        let left = names(directory.path());
        assert_eq!(left.len(), others.len() + 2, "{left:?}");
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "x").unwrap();
        let error = DirectoryStore::open(file.join("directory")).unwrap_err();
        assert!(matches!(error, DirectoryError::NotMade { .. }), "{error}");
        // Not even root can write there.
        let error = DirectoryStore::open("/proc/self").unwrap_err();
        assert!(
            matches!(error, DirectoryError::NotWritable { .. }),
            "{error}"
        );
    }

    #[tokio::test]
    async fn the_check_reports_whether_an_image_can_be_stored() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("pictures");
        let store = DirectoryStore::open(&directory).unwrap();
        assert_eq!(store.check().await, Ok(()));
        assert_eq!(names(&directory), Vec::<String>::new());
        fs::remove_dir(&directory).unwrap();
        fs::write(&directory, "in its place").unwrap();
        assert!(store.check().await.is_err());
        fs::remove_file(&directory).unwrap();
        fs::create_dir(&directory).unwrap();
        assert_eq!(store.check().await, Ok(()));
    }

    #[tokio::test]
    async fn an_error_holds_no_name_of_an_object() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("pictures");
        let store = DirectoryStore::open(&directory).unwrap();
        let object = object(0, 1);
        // A directory in place of the file.
        fs::create_dir_all(directory.join(object.expose()).join("x")).unwrap();
        let errors = [
            store.put(&object, vec![1]).await.unwrap_err(),
            store.get(&object).await.unwrap_err(),
            store.delete(&object).await.unwrap_err(),
        ];
        for error in errors {
            let text = format!("{error} {error:?}");
            assert!(!text.contains(&object.file.prefix.expose()[..8]), "{text}");
            assert!(!text.contains("pictures"), "{text}");
        }
        assert_eq!(
            names(&directory),
            [object.expose()],
            "the temporary file is left"
        );
    }
}
