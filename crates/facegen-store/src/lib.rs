//! The store ports on SQLite, and in memory those that need no database.
//!
//! | module | holds |
//! |---|---|
//! | [`sqlite`] | [`SqliteStore`], the stores in one database file |
//! | `memory` | events and rate limits within one process |
//! | `conformance` | tests of every implementation of a port |

#[cfg(test)]
mod conformance;
mod memory;
pub mod sqlite;

pub use sqlite::SqliteStore;
