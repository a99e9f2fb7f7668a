//! The database that is copied.

use std::path::Path;

use facegen_core::store::StoreError;
use sqlx::{AssertSqlSafe, query, query_scalar};

use super::row::CopiedRow;
use super::tables::Table;
use crate::rows::failed;
use crate::sqlite::SqliteStore;

/// A file of SQLite that no server uses, and whose tables are up to date.
#[derive(Debug)]
pub(super) struct Source(SqliteStore);

impl Source {
    /// Opens the file for this process alone, and migrates it as a server would.
    ///
    /// # Errors
    /// A server uses it, or it is another kind of database.
    pub(super) async fn open(file: &Path) -> Result<Self, StoreError> {
        SqliteStore::open_exclusive(file).await.map(Self)
    }

    /// Reads the rows behind `after` up to `last`, as many as a batch has.
    pub(super) async fn rows(
        &self,
        table: &Table,
        after: i64,
        last: i64,
    ) -> Result<Vec<CopiedRow>, StoreError> {
        let (list, name, key) = (table.list(), table.source, table.key);
        let rows = format!(
            "SELECT {list} FROM {name} WHERE {key} > ? AND {key} <= ? ORDER BY {key} LIMIT ?"
        );
        let rows = query(AssertSqlSafe(rows))
            .bind(after)
            .bind(last)
            .bind(table.batch)
            .fetch_all(self.0.readers())
            .await
            .map_err(failed)?;
        let rows = rows.iter().map(|row| CopiedRow::read(row, table));
        rows.map(|row| row.map(CopiedRow::cleaned)).collect()
    }

    /// Returns the last number that was given to a row of the table.
    pub(super) async fn last_number(&self, table: &Table) -> Result<i64, StoreError> {
        let last = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?";
        let last = query_scalar(last).bind(table.source);
        last.fetch_one(self.0.readers()).await.map_err(failed)
    }
}
