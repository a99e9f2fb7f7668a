//! Every store port on SQLite, and in memory what needs no database.
//!
//! | chapter | holds |
//! |---|---|
//! | [`sqlite`] | [`SqliteStore`], the stores in one database file |
//! | `memory` | events and rate limits within one process |
//! | `conformance` | what every implementation of a port does, in tests |

#[cfg(test)]
mod conformance;
mod memory;
pub mod sqlite;

pub use sqlite::SqliteStore;
