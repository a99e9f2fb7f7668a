//! Copies the rows of an SQLite database to PostgreSQL.
//!
//! The rows of each table are copied in the order of their numbers, some at a time, so
//! that a copy that was cut is continued behind the last row that is there. Before that,
//! and in the end, all rows that are there are compared with those of the file: a
//! database that anything else has written to is refused.

mod error;
mod row;
mod source;
mod tables;
mod target;
#[cfg(test)]
mod tests;

use std::path::Path;

use facegen_core::sha256::hexadecimal;
use facegen_core::store::StoreError;
use sha2::{Digest as _, Sha256};

pub use self::error::CopyError;
use self::row::CopiedRow;
use self::source::Source;
use self::tables::{TABLES, Table};
use self::target::Target;
use crate::postgres::PostgresSource;

/// A table whose rows are the same in both databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name in PostgreSQL.
    pub name: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// How many of them were there before.
    pub found: u64,
    /// The SHA-256 of all values in the order of the rows, in hexadecimal digits.
    pub sha256: String,
}

/// A copy whose rows are the same. No server works on either database until it is
/// dropped.
#[derive(Debug)]
pub struct Copied {
    /// All tables.
    pub tables: Vec<CopiedTable>,
    _source: Source,
    _target: Target,
}

/// Copies all rows of `file` to an empty database, or those that a copy before did not.
/// `progress` gets a table and how many of its rows are there.
///
/// # Errors
/// One of the databases cannot be used, or is used by a server, or the
/// database holds something else than the file.
pub async fn copy(
    file: &Path,
    to: &PostgresSource,
    mut progress: impl FnMut(&'static str, u64),
) -> Result<Copied, CopyError> {
    if !file.is_file() {
        return Err(CopyError::NoSource(file.to_owned()));
    }
    let copy = Copy {
        source: Source::open(file).await?,
        target: Target::open(to).await?,
    };
    // Nothing is written before it is known that all that is there is a part of the file.
    let mut found = Vec::new();
    for table in &TABLES {
        let last = copy.target.last(table).await?;
        found.push((last, copy.compare(table, last).await?.0));
    }
    for (table, (last, rows)) in TABLES.iter().zip(&found) {
        let progress = |count| progress(table.name, count);
        copy.insert(table, *last, *rows, progress).await?;
    }
    let mut tables = Vec::new();
    for (table, (_, found)) in TABLES.iter().zip(found) {
        let (rows, sha256) = copy.compare(table, i64::MAX).await?;
        tables.push(CopiedTable {
            name: table.name,
            rows,
            found,
            sha256,
        });
    }
    Ok(Copied {
        tables,
        _source: copy.source,
        _target: copy.target,
    })
}

struct Copy {
    source: Source,
    target: Target,
}

impl Copy {
    /// Copies the rows of a table behind `last`; so many are there before.
    async fn insert(
        &self,
        table: &Table,
        mut last: i64,
        mut count: u64,
        mut progress: impl FnMut(u64),
    ) -> Result<(), StoreError> {
        loop {
            let rows = self.source.rows(table, last, i64::MAX).await?;
            let Some(end) = rows.last() else { break };
            self.target.insert(table, &rows).await?;
            last = end.key;
            count += rows.len() as u64;
            progress(count);
        }
        let number = self.source.last_number(table).await?;
        self.target.number_after(table, number).await
    }

    /// Compares the rows of a table up to `last`, and returns their number and hash.
    async fn compare(&self, table: &Table, last: i64) -> Result<(u64, String), CopyError> {
        let (mut count, mut hasher, mut after) = (0, Sha256::new(), 0);
        loop {
            let rows = self.source.rows(table, after, last).await?;
            let end = match rows.last() {
                Some(end) if rows.len() as i64 == table.batch => end.key,
                Some(_) | None => last,
            };
            let copies = self.target.rows(table, after, end).await?;
            if let Some(key) = first_difference(&rows, &copies) {
                let table = table.name;
                return Err(CopyError::Differs { table, key });
            }
            rows.iter().for_each(|row| row.hash(&mut hasher));
            count += rows.len() as u64;
            if end == last {
                return Ok((count, hexadecimal(hasher)));
            }
            after = end;
        }
    }
}

/// Returns the number of the first row that only one side has, or that differs.
fn first_difference(rows: &[CopiedRow], copies: &[CopiedRow]) -> Option<i64> {
    let longest = rows.len().max(copies.len());
    let place = (0..longest).find(|place| rows.get(*place) != copies.get(*place))?;
    let keys = [rows.get(place), copies.get(place)];
    keys.into_iter().flatten().map(|row| row.key).min()
}
