//! Pictures in a local folder.
//!
//! A file is written under a temporary name, synchronised, and only then given
//! its own, so that a reader sees it whole or not at all, after a crash too.

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

/// What temporary names begin with.
const PART_PREFIX: &str = "part-";
/// What temporary names end with.
const PART_SUFFIX: &str = ".tmp";
/// How many bytes are written to find out whether there is room.
const CHECK_BYTES: usize = 256 << 10;

/// Keeps pictures in one folder, which nobody but the server's user reads.
#[derive(Debug, Clone)]
pub struct FolderStore {
    folder: PathBuf,
}

impl FolderStore {
    /// Opens the store in `folder`, and makes the folder when it is not there.
    ///
    /// # Errors
    /// The folder cannot be made, or no file can be written into it.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, FolderError> {
        let folder = folder.into();
        if let Err(source) = make_folder(&folder) {
            return Err(FolderError::NotMade { folder, source });
        }
        if let Err(source) = temporary_file(&folder) {
            return Err(FolderError::NotWritable { folder, source });
        }
        Ok(Self { folder })
    }

    /// Runs `work` on a thread where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let folder = self.folder.clone();
        let done = task::spawn_blocking(move || work(&folder)).await;
        // The text of an `io::Error` may hold a path, its kind does not.
        done.map_err(|_| StorageError(format!("{action}: the task ended early")))?
            .map_err(|error| StorageError(format!("{action}: {}", error.kind())))
    }
}

#[async_trait]
impl ImageStore for FolderStore {
    async fn put(&self, object: &ObjectName, bytes: Vec<u8>) -> Result<(), StorageError> {
        let name = object.expose();
        self.blocking("a file cannot be written", move |folder| {
            let mut file = temporary_file(folder)?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            file.persist(folder.join(name))?;
            // Makes the new name durable too.
            File::open(folder)?.sync_all()
        })
        .await
    }

    async fn get(&self, object: &ObjectName) -> Result<Option<Vec<u8>>, StorageError> {
        let name = object.expose();
        self.blocking("a file cannot be read", move |folder| {
            let Some(mut file) = unless_missing(open_file(&folder.join(name)))? else {
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
        self.blocking("a file cannot be opened", move |folder| {
            let Some(file) = unless_missing(open_file(&folder.join(name)))? else {
                return Ok(None);
            };
            let bytes = file.metadata()?.len();
            Ok(Some(StoredObject::File { file, bytes }))
        })
        .await
    }

    /// Writes so much as a small picture takes, under a temporary name: a disk
    /// that is full has room for a little.
    async fn check(&self) -> Result<(), StorageError> {
        self.blocking("no file can be written", |folder| {
            let mut file = temporary_file(folder)?;
            file.write_all(&[0; CHECK_BYTES])
        })
        .await
    }

    async fn delete(&self, object: &ObjectName) -> Result<(), StorageError> {
        let name = object.expose();
        self.blocking("a file cannot be removed", move |folder| {
            unless_missing(fs::remove_file(folder.join(name))).map(drop)
        })
        .await
    }

    /// Goes by the files' times of modification. What writers that died have
    /// left under temporary names goes too and is not counted; files with
    /// names of others stay.
    async fn delete_before(&self, moment: Timestamp) -> Result<usize, StorageError> {
        self.blocking("old files cannot be removed", move |folder| {
            let mut removed = 0;
            for entry in fs::read_dir(folder)? {
                removed += usize::from(remove_if_older(&entry?, moment)?);
            }
            Ok(removed)
        })
        .await
    }
}

/// Opens a file to be read. What only leads elsewhere, or would have its reader
/// wait for a writer, is none of ours.
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

/// Whether a file of ours was older and is gone. A file that somebody else has
/// removed meanwhile is no error.
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

/// A file that only the server's user can read, and that goes when it is not
/// given another name.
fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(PART_PREFIX)
        .suffix(PART_SUFFIX)
        .tempfile_in(folder)
}

/// A folder that was there before keeps the mode that its owner gave it.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Why a folder cannot keep pictures.
#[derive(Debug, Error)]
pub enum FolderError {
    /// It is not there and cannot be made.
    #[error("the picture folder {} cannot be made", folder.display())]
    NotMade {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is there and cannot be written.
    #[error("the picture folder {} cannot be written", folder.display())]
    NotWritable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl FolderError {
    /// The kind of failure, for callers.
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

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
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
    async fn it_is_an_image_store() {
        let folder = tempfile::tempdir().unwrap();
        image_store_suite(&FolderStore::open(folder.path()).unwrap()).await;
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[tokio::test]
    async fn files_are_private_and_named_after_their_attempt() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        let store = FolderStore::open(&folder).unwrap();
        let object = object(0, 3);
        store.put(&object, b"picture".to_vec()).await.unwrap();
        let name = format!("{}-0.a3.png", object.file.prefix.expose());
        assert_eq!(names(&folder), [name.as_str()]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(name))), (0o700, 0o600));
    }

    #[tokio::test]
    async fn what_is_put_in_the_place_of_a_picture_is_not_read() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("pictures");
        let store = FolderStore::open(&folder).unwrap();
        let elsewhere = outer.path().join("elsewhere");
        fs::write(&elsewhere, "a secret").unwrap();
        let [link, pipe, socket] = [0, 1, 2].map(|index| object(index, 1));
        std::os::unix::fs::symlink(&elsewhere, folder.join(link.expose())).unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(folder.join(pipe.expose()))
            .status();
        assert!(made.unwrap().success());
        let path = folder.join(socket.expose());
        let _listener = std::os::unix::net::UnixListener::bind(path).unwrap();
        for object in [link, pipe, socket] {
            let read = tokio::time::timeout(Duration::from_secs(20), store.get(&object));
            assert!(read.await.expect("it does not hang").is_err());
            let opened = tokio::time::timeout(Duration::from_secs(20), store.open(&object));
            assert!(opened.await.expect("it does not hang").is_err());
            // It may be put right.
            store.put(&object, b"picture".to_vec()).await.unwrap();
            assert_eq!(store.get(&object).await, Ok(Some(b"picture".to_vec())));
        }
        assert_eq!(fs::read(&elsewhere).unwrap(), b"a secret");
    }

    #[tokio::test]
    async fn old_files_of_ours_go_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::open(folder.path()).unwrap();
        let (old, new) = (object(0, 1), object(1, 1));
        store.put(&old, vec![1]).await.unwrap();
        store.put(&new, vec![2]).await.unwrap();
        let others = ["README", "part-of-something.png", "x.a1.png"];
        for name in others.iter().chain(&["part-abc.tmp"]) {
            fs::write(folder.path().join(name), "x").unwrap();
            set_age(&folder.path().join(name), Duration::from_secs(7200));
        }
        fs::create_dir(folder.path().join(object(9, 1).expose())).unwrap();
        set_age(&folder.path().join(old.expose()), Duration::from_secs(7200));
        let hour_ago = Timestamp::from(SystemTime::now()) - Duration::from_secs(3600);
        assert_eq!(store.delete_before(hour_ago).await, Ok(1));
        assert_eq!(store.get(&old).await, Ok(None));
        assert_eq!(store.get(&new).await, Ok(Some(vec![2])));
        let left = names(folder.path());
        assert_eq!(left.len(), others.len() + 2, "{left:?}");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "x").unwrap();
        let error = FolderStore::open(file.join("folder")).unwrap_err();
        assert!(matches!(error, FolderError::NotMade { .. }), "{error}");
        // Not even root can write there.
        let error = FolderStore::open("/proc/self").unwrap_err();
        assert!(matches!(error, FolderError::NotWritable { .. }), "{error}");
    }

    #[tokio::test]
    async fn it_is_found_out_whether_a_picture_could_be_kept() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("pictures");
        let store = FolderStore::open(&folder).unwrap();
        assert_eq!(store.check().await, Ok(()));
        assert_eq!(names(&folder), Vec::<String>::new());
        fs::remove_dir(&folder).unwrap();
        fs::write(&folder, "in its place").unwrap();
        assert!(store.check().await.is_err());
        fs::remove_file(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        assert_eq!(store.check().await, Ok(()));
    }

    #[tokio::test]
    async fn an_error_holds_no_name_of_an_object() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("pictures");
        let store = FolderStore::open(&folder).unwrap();
        let object = object(0, 1);
        // In the place of the file there is a folder.
        fs::create_dir_all(folder.join(object.expose()).join("x")).unwrap();
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
            names(&folder),
            [object.expose()],
            "the temporary file is left"
        );
    }
}
