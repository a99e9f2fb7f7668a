//! The errors of the stores.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::ErrorCode;

/// The error of the database.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a store failed; for logs, not for callers. No text holds anything of a
/// row beyond its number.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process uses the database.
    #[error("another process already works on {}", .0.display())]
    InUse(PathBuf),
    /// A file or a directory cannot be created or opened.
    #[error("cannot open {}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The migrations failed.
    #[error("cannot bring the tables up to date: {0}")]
    Migrate(#[source] Cause),
    /// A statement failed, or the database is gone.
    #[error("the database failed: {0}")]
    Database(#[source] Cause),
    /// A row holds a value that this program did not write.
    #[error("{table} row {id}: the {column} cannot be read")]
    UnreadableRow {
        /// The table of the row.
        table: &'static str,
        /// The number of the row.
        id: i64,
        /// The column.
        column: &'static str,
    },
    /// A write would fail or be lost.
    #[error(transparent)]
    Fault(StoreFault),
    /// A value cannot be written as JSON.
    #[error("the {0} cannot be written as json")]
    Json(&'static str),
}

impl StoreError {
    /// Returns the kind of failure, for callers.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnreadableRow { .. } | Self::Json(_) => ErrorCode::Internal,
            Self::InUse(_)
            | Self::File { .. }
            | Self::Migrate(_)
            | Self::Database(_)
            | Self::Fault(_) => ErrorCode::Unavailable,
        }
    }
}

/// A fault of the database or of the directory of images. The messages are safe
/// to show to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StoreFault {
    /// Statements that write fail.
    #[error("the database cannot be written, the log says why")]
    Unwritable,
    /// The wait for the writer takes too long.
    #[error("the database is locked by another process or too slow")]
    Stuck,
    /// Its files were deleted or replaced: writes are lost.
    #[error(
        "the files of the database were deleted or replaced, this process must be started again"
    )]
    Gone,
    /// The directory of images cannot be written.
    #[error("the directory of images cannot be written, the log says why")]
    Images,
    /// The lock of the data directory was lost.
    #[error("the lock of the data directory was removed and cannot be taken again")]
    Unlocked,
}
