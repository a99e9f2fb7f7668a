//! A row as an API key.

use facegen_core::Timestamp;
use facegen_core::key::{Key, KeyId, KeyRole};
use facegen_core::key_limits::OwnLimits;
use facegen_core::store::StoreError;

use super::Columns;

/// Reads a key.
///
/// # Errors
/// The row holds what this program did not write.
pub(crate) fn key(row: &impl Columns) -> Result<Key, StoreError> {
    let id = row.int("id")?;
    let revoked_at = row.int_or_null("revoked_at")?;
    let role = match row.text("role")? {
        "admin" => KeyRole::Admin,
        "plain" => KeyRole::Plain,
        _ => {
            return Err(StoreError::UnreadableRow {
                table: "keys",
                id,
                column: "role",
            });
        }
    };
    Ok(Key {
        id: KeyId::new(id),
        name: row.text("name")?.to_owned(),
        role,
        created_at: Timestamp::from_millis(row.int("created_at")?),
        revoked_at: revoked_at.map(Timestamp::from_millis),
        limits: OwnLimits {
            requests_per_minute: row.small_or_null("requests_per_minute")?,
            queue_share: row.small_or_null("queue_share")?,
        },
    })
}
