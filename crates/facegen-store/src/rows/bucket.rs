//! A row as the bucket of a key.

use facegen_core::store::{BucketRow, StoreError};

use super::Columns;

/// Reads the bucket of a key.
///
/// # Errors
/// A column cannot be read.
pub(crate) fn bucket(row: &impl Columns) -> Result<BucketRow, StoreError> {
    Ok(BucketRow {
        endpoint_url: row.text("endpoint_url")?.to_owned(),
        region: row.text("region")?.to_owned(),
        image_directory: row.text("image_directory")?.to_owned(),
        public_url: row.text("public_url")?.to_owned(),
        access_key_id: row.bytes("access_key_id")?.to_owned(),
        secret_access_key: row.bytes("secret_access_key")?.to_owned(),
    })
}
