//! A row as an image that a caller sent.

use facegen_core::FilePrefix;
use facegen_core::store::StoreError;

use super::Columns;

/// Reads the number and the file of an upload; an unreadable file is an error
/// of its own.
///
/// # Errors
/// A column cannot be read.
pub(crate) fn expired_upload(
    row: &impl Columns,
) -> Result<(i64, Result<FilePrefix, StoreError>), StoreError> {
    let id = row.int("id")?;
    let prefix = FilePrefix::parse(row.text("file_prefix")?).ok_or(StoreError::UnreadableRow {
        table: "uploads",
        id,
        column: "file_prefix",
    });
    Ok((id, prefix))
}
