//! Bucket details with their secrets encrypted, as the database has them.

use facegen_core::BucketDetails;
use facegen_core::key::KeyId;
use facegen_core::redact::SafeUrl;
use facegen_core::store::BucketRow;

use crate::master_key::{MasterKey, MasterKeyError, NotSealedHere};

/// The purpose under which the id of an access key is sealed.
const ACCESS_KEY_ID: &str = "bucket access key id";
/// The purpose under which the secret of an access key is sealed.
const SECRET_ACCESS_KEY: &str = "bucket secret access key";

/// Returns the details as they are stored in `key`'s row.
///
/// # Errors
/// Fails when the operating system gives no random numbers.
pub(super) fn seal(
    master_key: &MasterKey,
    key: KeyId,
    details: &BucketDetails,
) -> Result<BucketRow, MasterKeyError> {
    Ok(BucketRow {
        endpoint_url: details.endpoint_url.expose().to_owned(),
        region: details.region.clone(),
        image_directory: details.image_directory.clone(),
        public_url: details.public_url.expose().to_owned(),
        access_key_id: master_key.seal(ACCESS_KEY_ID, key, &details.access_key_id)?,
        secret_access_key: master_key.seal(SECRET_ACCESS_KEY, key, &details.secret_access_key)?,
    })
}

/// Returns the details that are stored in `key`'s row.
///
/// # Errors
/// Fails when the row was sealed by another master key, or for another key.
pub(super) fn open(
    master_key: &MasterKey,
    key: KeyId,
    row: BucketRow,
) -> Result<BucketDetails, NotSealedHere> {
    Ok(BucketDetails {
        access_key_id: master_key.open(ACCESS_KEY_ID, key, &row.access_key_id)?,
        secret_access_key: master_key.open(SECRET_ACCESS_KEY, key, &row.secret_access_key)?,
        endpoint_url: SafeUrl::from(row.endpoint_url),
        region: row.region,
        image_directory: row.image_directory,
        public_url: SafeUrl::from(row.public_url),
    })
}
