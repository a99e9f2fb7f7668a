//! Columns of a row, and errors of the databases as errors of the stores.

use facegen_core::store::StoreError;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// The database refuses, or is gone.
pub(crate) fn failed(error: sqlx::Error) -> StoreError {
    StoreError::Database(Box::new(error))
}

/// A row whose columns are read by their names.
///
/// # Errors
/// Each method fails when there is no such column, or it holds another type.
pub(crate) trait Columns {
    /// Reads a whole number.
    fn int(&self, name: &str) -> Result<i64, StoreError>;

    /// Reads a whole number that may be missing.
    fn int_or_null(&self, name: &str) -> Result<Option<i64>, StoreError>;

    /// Reads a text.
    fn text(&self, name: &str) -> Result<&str, StoreError>;

    /// Reads a text that may be missing.
    fn text_or_null(&self, name: &str) -> Result<Option<&str>, StoreError>;

    /// Reads bytes.
    fn bytes(&self, name: &str) -> Result<&[u8], StoreError>;

    /// Reads a number that is small and not negative.
    fn small(&self, name: &str) -> Result<u32, StoreError> {
        small(name, self.int(name)?)
    }

    /// Reads a number that is small and not negative, and may be missing.
    fn small_or_null(&self, name: &str) -> Result<Option<u32>, StoreError> {
        let number = self.int_or_null(name)?;
        number.map(|number| small(name, number)).transpose()
    }
}

fn small(name: &str, number: i64) -> Result<u32, StoreError> {
    u32::try_from(number)
        .map_err(|_| StoreError::Database(format!("the column {name} is out of range").into()))
}

/// Implements [`Columns`] for the rows of a database.
macro_rules! columns {
    ($row:ty) => {
        impl Columns for $row {
            fn int(&self, name: &str) -> Result<i64, StoreError> {
                self.try_get(name).map_err(failed)
            }

            fn int_or_null(&self, name: &str) -> Result<Option<i64>, StoreError> {
                self.try_get(name).map_err(failed)
            }

            fn text(&self, name: &str) -> Result<&str, StoreError> {
                self.try_get(name).map_err(failed)
            }

            fn text_or_null(&self, name: &str) -> Result<Option<&str>, StoreError> {
                self.try_get(name).map_err(failed)
            }

            fn bytes(&self, name: &str) -> Result<&[u8], StoreError> {
                self.try_get(name).map_err(failed)
            }
        }
    };
}

columns!(SqliteRow);
columns!(PgRow);
