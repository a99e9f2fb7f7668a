//! API keys.

use strum::IntoStaticStr;

use crate::Timestamp;
use crate::key_limits::OwnLimits;

/// Identifies a key without revealing it; for rows and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(i64);

impl KeyId {
    /// Returns the id of the row with this number.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// Returns the number of the row.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

/// What a key permits beyond its own jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum KeyRole {
    /// Administration of the whole server.
    Admin,
    /// Nothing beyond its own jobs.
    Plain,
}

impl KeyRole {
    /// Returns the role as rows hold it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A key as its row holds it, without its text, of which only a hash is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id in rows and logs.
    pub id: KeyId,
    /// Its name for people.
    pub name: String,
    /// What it permits.
    pub role: KeyRole,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// Its limits.
    pub limits: OwnLimits,
}
