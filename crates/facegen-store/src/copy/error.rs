//! Why rows cannot be copied.

use std::path::PathBuf;

use facegen_core::store::StoreError;
use thiserror::Error;

/// Why rows cannot be copied.
#[derive(Debug, Error)]
pub enum CopyError {
    /// There is no file to copy from.
    #[error("there is no database {}", .0.display())]
    NoSource(PathBuf),
    /// The database is not empty, and its tables are others.
    #[error("the database holds tables of another program, create an empty one")]
    OtherProgram,
    /// Another process copies into the database.
    #[error("another copy into this database is running")]
    Running,
    /// A server works on the database.
    #[error("a server works on this database, stop it first")]
    Served,
    /// The database holds something else than the file.
    #[error(
        "row {key} of the table {table} is not that of the file: the database was used, or the \
         file has changed since a copy was begun; create an empty database and copy again"
    )]
    Differs {
        /// The table.
        table: &'static str,
        /// The number of the first row that differs.
        key: i64,
    },
    /// A database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}
