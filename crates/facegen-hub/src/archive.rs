//! Importing files from a zip archive or a directory that the operator has.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use facegen_core::Preset;
use facegen_core::sha256::hexadecimal;
use facegen_core::stamp::stamp;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::lock_file::{LockFile, LockedFile, Presence};
use crate::store::Store;
use crate::wanted::{Wanted, wanted};
use crate::{Accepted, Gate, HubError, PullEvent};

/// The commit recorded for files that came from no hub.
const COMMIT: &str = "imported";

/// Imports the files of a preset from `source`, a zip archive or a directory, by
/// name, where the preset names their sha256. Returns how many.
///
/// # Errors
/// Fails when a licence is not accepted, `source` cannot be read, or a file of
/// the right name has another hash.
pub fn import(
    preset: &Preset,
    source: &Path,
    data_dir: &Path,
    accept: &[String],
    progress: &dyn Fn(PullEvent<'_>),
) -> Result<usize, HubError> {
    Gate::check(preset, &Accepted::read(data_dir, accept)?)?;
    let store = Store::new(data_dir);
    store.create()?;
    let held = store.lock(|| progress(PullEvent::Waiting))?;
    let mut lock = LockFile::read(&store)?;
    let mut shelf = Shelf::open(source)?;
    let mut count = 0;
    for wanted in wanted(preset) {
        let Some(sha256) = wanted.sha256.clone() else {
            continue;
        };
        if let Presence::Verified(_) = lock.presence(&store, &wanted.file, Some(&sha256)) {
            continue;
        }
        if let Some(locked) = take(&mut shelf, &store, &wanted, &sha256)? {
            lock.put(locked);
            lock.write(&store, &held)?;
            progress(PullEvent::Finished {
                file: &wanted.file.to_string(),
            });
            count += 1;
        }
    }
    Ok(count)
}

/// Copies one file into the store, if `shelf` has it.
fn take(
    shelf: &mut Shelf,
    store: &Store,
    wanted: &Wanted,
    sha256: &str,
) -> Result<Option<LockedFile>, HubError> {
    let file = &wanted.file;
    let path = store.blob(file.repo(), sha256);
    let Some(found) = shelf.copy(file.file_name(), &path)? else {
        return Ok(None);
    };
    if found != sha256 {
        fs::remove_file(part(&path)).map_err(HubError::at(&path))?;
        return Err(HubError::Hash {
            file: format!("{} of {}", file.file_name(), shelf.path().display()),
            expected: sha256.to_owned(),
            found,
        });
    }
    fs::rename(part(&path), &path).map_err(HubError::at(&path))?;
    let link = store.link(file.repo(), sha256, COMMIT, file.file())?;
    let metadata = fs::metadata(&link).map_err(HubError::at(&link))?;
    Ok(Some(LockedFile {
        repo: file.repo().to_owned(),
        revision: file.revision().to_owned(),
        file: file.file().to_owned(),
        commit: COMMIT.to_owned(),
        blob: sha256.to_owned(),
        size: metadata.len(),
        sha256: found,
        stamp: Some(stamp(&metadata)),
    }))
}

/// The source of an import.
enum Shelf {
    Directory(PathBuf),
    Zip(PathBuf, Box<ZipArchive<File>>),
}

impl Shelf {
    fn open(path: &Path) -> Result<Self, HubError> {
        if path.is_dir() {
            return Ok(Self::Directory(path.to_owned()));
        }
        let file = File::open(path).map_err(HubError::at(path))?;
        let archive = ZipArchive::new(file).map_err(|error| unreadable(path, &error))?;
        Ok(Self::Zip(path.to_owned(), Box::new(archive)))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Directory(path) | Self::Zip(path, _) => path,
        }
    }

    /// Copies the file of that name next to `path` and returns its hash; `None`
    /// when there is none.
    fn copy(&mut self, name: &str, path: &Path) -> Result<Option<String>, HubError> {
        match self {
            Self::Directory(directory) => {
                let from = directory.join(name);
                if !from.is_file() {
                    return Ok(None);
                }
                let reader = File::open(&from).map_err(HubError::at(&from))?;
                copy(reader, path).map(Some)
            }
            Self::Zip(archive_path, archive) => {
                // An entry without a readable name is none that a preset names.
                let names = archive.file_names().flatten().map(Cow::into_owned);
                let is_it = |entry: &String| entry.rsplit('/').next() == Some(name);
                let Some(entry) = { names }.find(is_it) else {
                    return Ok(None);
                };
                let reader = archive.by_name(&entry);
                let reader = reader.map_err(|error| unreadable(archive_path, &error))?;
                copy(reader, path).map(Some)
            }
        }
    }
}

fn unreadable(path: &Path, error: &zip::result::ZipError) -> HubError {
    HubError::Archive {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// Writes what `reader` yields to the part file of `path` and returns its hash.
fn copy(reader: impl Read, path: &Path) -> Result<String, HubError> {
    let write = || -> io::Result<String> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut hashed = Hashed {
            reader,
            hasher: Sha256::new(),
        };
        let mut part = File::create(part(path))?;
        io::copy(&mut hashed, &mut part)?;
        part.sync_all()?;
        Ok(hexadecimal(hashed.hasher))
    };
    write().map_err(HubError::at(path))
}

fn part(path: &Path) -> PathBuf {
    path.with_extension("import")
}

struct Hashed<R> {
    reader: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
