//! One row of any table, from either database.

use facegen_core::store::StoreError;
use sha2::{Digest as _, Sha256};
use sqlx::query_builder::Separated;
use sqlx::{ColumnIndex, Decode, Postgres, Row, Type};

use super::tables::{Kind, Table};
use crate::postgres::text::clean;
use crate::rows::failed;

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Int(Option<i64>),
    Flag(bool),
    Text(Option<String>),
    Bytes(Vec<u8>),
}

/// The values of a row, in the order of the table's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CopiedRow {
    /// The number that orders it.
    pub(super) key: i64,
    values: Vec<Value>,
}

impl CopiedRow {
    /// Reads a row of a statement that selects the table's columns.
    ///
    /// # Errors
    /// A column has another type.
    pub(super) fn read<'r, R>(row: &'r R, table: &Table) -> Result<Self, StoreError>
    where
        R: Row,
        usize: ColumnIndex<R>,
        &'r str: ColumnIndex<R>,
        Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
        i64: Decode<'r, R::Database> + Type<R::Database>,
        bool: Decode<'r, R::Database> + Type<R::Database>,
        Option<String>: Decode<'r, R::Database> + Type<R::Database>,
        Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    {
        let value = |(place, (_, kind)): (usize, &(&str, Kind))| match kind {
            Kind::Int => row.try_get(place).map(Value::Int),
            Kind::Flag => row.try_get(place).map(Value::Flag),
            Kind::Text => row.try_get(place).map(Value::Text),
            Kind::Bytes => row.try_get(place).map(Value::Bytes),
        };
        let values = table.columns.iter().enumerate().map(value);
        Ok(Self {
            key: row.try_get(table.key).map_err(failed)?,
            values: values.collect::<Result<_, _>>().map_err(failed)?,
        })
    }

    /// Returns the row as PostgreSQL can hold it.
    pub(super) fn cleaned(mut self) -> Self {
        for value in &mut self.values {
            if let Value::Text(Some(text)) = value
                && text.contains('\0')
            {
                *text = clean(text).into_owned();
            }
        }
        self
    }

    /// Adds the values to an `INSERT`.
    pub(super) fn bind(&self, row: &mut Separated<'_, Postgres, &'static str>) {
        for value in &self.values {
            match value {
                Value::Int(number) => row.push_bind(*number),
                Value::Flag(flag) => row.push_bind(*flag),
                Value::Text(text) => row.push_bind(text.clone()),
                Value::Bytes(bytes) => row.push_bind(bytes.clone()),
            };
        }
    }

    /// Adds the values to a hash, each with its type and length, so that no two rows are
    /// hashed alike.
    pub(super) fn hash(&self, hasher: &mut Sha256) {
        for value in &self.values {
            match value {
                Value::Int(None) => part(hasher, 0, &[]),
                Value::Int(Some(number)) => part(hasher, 1, &number.to_be_bytes()),
                Value::Flag(flag) => part(hasher, 2, &[u8::from(*flag)]),
                Value::Text(None) => part(hasher, 3, &[]),
                Value::Text(Some(text)) => part(hasher, 4, text.as_bytes()),
                Value::Bytes(bytes) => part(hasher, 5, bytes),
            }
        }
    }
}

fn part(hasher: &mut Sha256, kind: u8, bytes: &[u8]) {
    hasher.update([kind]);
    hasher.update((bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}
