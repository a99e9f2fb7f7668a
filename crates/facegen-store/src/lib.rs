//! Every store port on SQLite and on PostgreSQL, and in memory what needs no database.
//!
//! | module | holds |
//! |---|---|
//! | [`sqlite`] | [`SqliteStore`], the stores in one database file |
//! | [`postgres`] | [`PostgresStore`], the stores in one PostgreSQL database |
//! | [`mod@copy`] | [`copy()`](copy::copy), from the former to the latter |
//! | `memory` | events and rate limits within one process |
//! | `conformance` | tests of every implementation of a port |

#[cfg(test)]
mod conformance;
pub mod copy;
mod fault;
mod memory;
pub mod postgres;
mod rows;
pub mod sqlite;

pub use postgres::{PostgresSource, PostgresStore, Schema};
pub use sqlite::SqliteStore;
