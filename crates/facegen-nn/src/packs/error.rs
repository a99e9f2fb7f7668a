use std::io;
use std::path::{Path, PathBuf};

/// Why a pack is not used or not written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The operating system refuses.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// It is no pack, or not the one that is looked for.
    #[error("{path} cannot be used: {reason}", path = path.display())]
    Unusable {
        /// The file or directory.
        path: PathBuf,
        /// The difference.
        reason: String,
    },
    /// The file system would have too little room left.
    #[error(
        "{path} needs {needed} MB, and {spare} MB are to stay free, but there are {free} MB",
        path = path.display()
    )]
    NoSpace {
        /// The pack.
        path: PathBuf,
        /// Megabytes to be written.
        needed: u64,
        /// Megabytes that are left to other files.
        spare: u64,
        /// Megabytes that are free.
        free: u64,
    },
}

impl PackError {
    /// Completes an error of the operating system.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }

    /// Refuses a file.
    pub(super) fn unusable(path: &Path, reason: impl Into<String>) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
