//! Why the store of jobs does not do its work.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::ErrorCode;

/// What the database says.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the store of jobs does not do its work; for logs, not for callers. No
/// text holds anything of a row beyond its number.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process has the database.
    #[error("another process already works on {}", .0.display())]
    InUse(PathBuf),
    /// A file or a directory cannot be made or opened.
    #[error("cannot open {}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The tables cannot be made or changed to what this program needs.
    #[error("cannot bring the tables up to date: {0}")]
    Migrate(#[source] Cause),
    /// The database refuses, or is gone.
    #[error("the database failed: {0}")]
    Database(#[source] Cause),
    /// A row holds what this program did not write.
    #[error("{table} row {id}: the {column} cannot be read")]
    UnreadableRow {
        /// The table of the row.
        table: &'static str,
        /// The number of the row.
        id: i64,
        /// The column.
        column: &'static str,
    },
    /// What would be written would not be kept.
    #[error(transparent)]
    Fault(StoreFault),
    /// A value cannot be written as JSON.
    #[error("the {0} cannot be written as json")]
    Json(&'static str),
}

impl StoreError {
    /// The kind of failure, for callers.
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

/// What is wrong with the database, or with the directory of images, in words
/// that anybody may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StoreFault {
    /// Statements that write fail.
    #[error("the database cannot be written, the log says why")]
    Unwritable,
    /// The writer is waited for too long.
    #[error("the database is locked by another process or too slow")]
    Stuck,
    /// Its files were deleted or replaced: what is written now is lost.
    #[error(
        "the files of the database were deleted or replaced, this process must be started again"
    )]
    Gone,
    /// No image can be kept in the directory of the server.
    #[error("the directory of images cannot be written, the log says why")]
    Images,
    /// The lock is not held any more.
    #[error("the lock of the data directory was removed and cannot be taken again")]
    Unlocked,
}
