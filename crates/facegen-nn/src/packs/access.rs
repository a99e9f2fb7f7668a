//! Which files and directories hold packs: those of this user, which no other user can write to.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{Mode, OFlags};
use rustix::process::geteuid;

use super::PackError;

/// How the names of unfinished packs end.
const UNFINISHED: &str = "partial";
/// How often a new file is tried that another process takes for an abandoned one.
const ATTEMPTS: u32 = 5;

/// Makes a directory for packs, with mode 0700, unless it is there.
///
/// # Errors
/// Fails when it cannot be made, is a link, is another user's, or others can write to it.
pub fn make_directory(path: &Path) -> Result<(), PackError> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.map_err(PackError::at(path))?;
    let metadata = fs::symlink_metadata(path).map_err(PackError::at(path))?;
    if !metadata.is_dir() {
        return Err(PackError::unusable(path, "it is a link"));
    }
    check(path, &metadata, 0o022)
}

/// Opens a finished pack; none is there if the name is unused.
pub(super) fn open(path: &Path) -> Result<Option<File>, PackError> {
    // Without waiting for a writer, if it is a pipe.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from) {
        Ok(file) => File::from(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(PackError::at(path)(source)),
    };
    let metadata = file.metadata().map_err(PackError::at(path))?;
    if !metadata.is_file() {
        return Err(PackError::unusable(path, "it is no file"));
    }
    check(path, &metadata, 0o077)?;
    Ok(Some(file))
}

/// Refuses what is another user's, or gives others one of the rights `refused`.
fn check(path: &Path, metadata: &Metadata, refused: u32) -> Result<(), PackError> {
    if metadata.uid() != geteuid().as_raw() {
        return Err(PackError::unusable(path, "it belongs to another user"));
    }
    if metadata.mode() & refused != 0 {
        let mode = metadata.mode() & 0o777;
        let reason = format!("other users have access to it (mode {mode:o})");
        return Err(PackError::unusable(path, reason));
    }
    Ok(())
}

/// A file that is deleted unless it gets its name.
#[derive(Debug)]
pub(super) struct Temporary {
    /// Locked, so that no other process takes it for an abandoned one.
    file: File,
    path: PathBuf,
    is_named: bool,
}

impl Temporary {
    /// Creates one next to `path`.
    pub(super) fn next_to(path: &Path) -> Result<Self, PackError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let process = std::process::id();
        for _ in 0..ATTEMPTS {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = path.with_extension(format!("{process}-{number}.{UNFINISHED}"));
            let mut options = OpenOptions::new();
            let options = options.read(true).write(true).create_new(true).mode(0o600);
            let file = options.open(&path).map_err(PackError::at(&path))?;
            file.lock().map_err(PackError::at(&path))?;
            let metadata = file.metadata().map_err(PackError::at(&path))?;
            if metadata.nlink() > 0 {
                return Ok(Self {
                    file,
                    path,
                    is_named: false,
                });
            }
        }
        Err(PackError::unusable(
            path,
            "unfinished files vanish next to it",
        ))
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name once its bytes are on the disk, in place of another file.
    pub(super) fn name(&mut self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, path)?;
        self.is_named = true;
        // So that the name is on the disk, too.
        let directory = path.parent().filter(|parent| *parent != Path::new(""));
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_named {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Deletes unfinished packs of processes that have ended.
pub fn remove_abandoned(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path.extension().is_some_and(|end| end == UNFINISHED)
            && let Ok(Some(file)) = open(&path)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
}
