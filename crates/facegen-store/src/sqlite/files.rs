//! What shows that the files of a database are still its own.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files of a database, as they were when it was opened.
#[derive(Debug, Clone)]
pub(crate) struct Files(Arc<Vec<(PathBuf, Identity)>>);

/// The identity of a file: its device and inode.
type Identity = (u64, u64);

impl Files {
    /// Returns the files of an open database.
    pub(crate) fn of(database: &Path) -> Self {
        let sibling = |ending: &str| {
            let mut name = database.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let paths = ["", "-wal", "-shm"].map(sibling).into_iter();
        let known = paths.filter_map(|path| identity(&path).map(|identity| (path, identity)));
        Self(Arc::new(known.collect()))
    }

    /// Returns whether all of them still exist. Can block.
    pub(crate) fn are_there(&self) -> bool {
        let mut files = self.0.iter();
        files.all(|(path, known)| identity(path) == Some(*known))
    }
}

fn identity(path: &Path) -> Option<Identity> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
