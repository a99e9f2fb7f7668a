//! API keys, and what belongs to them.

use strum::IntoStaticStr;

use crate::Timestamp;
use crate::key_limits::OwnLimits;

/// Names a key without giving it away; for rows and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(i64);

impl KeyId {
    /// The key of the row with this number.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number of the row.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

/// What the holder of a key may do beyond its own jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum KeyRole {
    /// Control of the whole server.
    Admin,
    /// Nothing.
    Plain,
}

impl KeyRole {
    /// The role as rows hold it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A key as its row says, without the key itself, of which only a hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name in rows and logs.
    pub id: KeyId,
    /// Its name for people.
    pub name: String,
    /// What its holder may do.
    pub role: KeyRole,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// How much it may ask for.
    pub limits: OwnLimits,
}
