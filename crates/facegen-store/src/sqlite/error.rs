//! Errors of SQLite as errors of the stores.

use facegen_core::store::StoreError;
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row as _, Type};

/// Converts an error of the database.
pub(crate) fn failed(error: sqlx::Error) -> StoreError {
    StoreError::Database(Box::new(error))
}

/// Rows whose columns are read with the errors of the stores.
pub(crate) trait Values {
    /// Reads a column by its name.
    ///
    /// # Errors
    /// Fails when there is no such column, or it holds another type.
    fn value<'row, T>(&'row self, name: &str) -> Result<T, StoreError>
    where
        T: Decode<'row, Sqlite> + Type<Sqlite>;
}

impl Values for SqliteRow {
    fn value<'row, T>(&'row self, name: &str) -> Result<T, StoreError>
    where
        T: Decode<'row, Sqlite> + Type<Sqlite>,
    {
        self.try_get(name).map_err(failed)
    }
}
