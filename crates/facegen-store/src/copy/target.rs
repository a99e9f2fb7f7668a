//! The database that the rows are copied to.

use facegen_core::store::StoreError;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, QueryBuilder, Row as _, query, query_scalar};

use super::error::CopyError;
use super::row::CopiedRow;
use super::tables::Table;
use crate::postgres::PostgresSource;
use crate::postgres::database::{Database, LOCKS};
use crate::postgres::presence::TAKE_PLACE;
use crate::rows::failed;

/// The number of the lock that a copy holds, next to those of
/// [`Lock`](crate::postgres::database::Lock).
const COPY: i32 = 100;

/// Whether there is any table, and whether ours are among them.
const TABLES: &str = "
    SELECT count(*) > 0 AND count(*) FILTER (WHERE tablename = 'generations') = 0
    FROM pg_tables WHERE schemaname = current_schema()";

/// A PostgreSQL database whose tables are up to date.
#[derive(Debug)]
pub(super) struct Target {
    database: Database,
    /// Holds the locks of the copy until it is closed.
    _locks: PgConnection,
}

impl Target {
    /// Connects, and makes the tables.
    ///
    /// # Errors
    /// The database cannot be reached, holds what another program made, or another
    /// copy or a server works on it.
    pub(super) async fn open(source: &PostgresSource) -> Result<Self, CopyError> {
        let connection = PgConnection::connect_with(&source.options()?).await;
        let mut connection = connection.map_err(failed)?;
        let is_foreign: bool = query_scalar(TABLES)
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
        if is_foreign {
            return Err(CopyError::OtherProgram);
        }
        let lock = query_scalar("SELECT pg_try_advisory_lock($1, $2)");
        let lock = lock.bind(LOCKS).bind(COPY).fetch_one(&mut connection);
        if !lock.await.map_err(failed)? {
            return Err(CopyError::Running);
        }
        // As a server of the role `all`, which tolerates no other.
        let place = query_scalar(TAKE_PLACE).fetch_one(&mut connection);
        if !place.await.map_err(failed)? {
            return Err(CopyError::Served);
        }
        Ok(Self {
            database: Database::connect(source.options()?).await?,
            _locks: connection,
        })
    }

    /// Returns the number of the last row that is there, 0 without any.
    pub(super) async fn last(&self, table: &Table) -> Result<i64, StoreError> {
        let last = format!("SELECT coalesce(max({}), 0) FROM {}", table.key, table.name);
        let row = self.database.one(query(AssertSqlSafe(last))).await?;
        row.try_get(0).map_err(failed)
    }

    /// Reads the rows behind `after` up to `last`, and at most one more than a batch has.
    pub(super) async fn rows(
        &self,
        table: &Table,
        after: i64,
        last: i64,
    ) -> Result<Vec<CopiedRow>, StoreError> {
        let (list, name, key) = (table.list(), table.name, table.key);
        let rows = format!(
            "SELECT {list} FROM {name} WHERE {key} > $1 AND {key} <= $2 ORDER BY {key} LIMIT $3"
        );
        let rows = query(AssertSqlSafe(rows))
            .bind(after)
            .bind(last)
            .bind(table.batch + 1);
        let rows = self.database.all(rows).await?;
        let rows = rows.iter().map(|row| CopiedRow::read(row, table));
        rows.collect()
    }

    /// Adds rows: all or none.
    pub(super) async fn insert(&self, table: &Table, rows: &[CopiedRow]) -> Result<(), StoreError> {
        let (name, list) = (table.name, table.list());
        // Rows keep their numbers.
        let insert = format!("INSERT INTO {name} ({list}) OVERRIDING SYSTEM VALUE ");
        let mut insert = QueryBuilder::new(insert);
        insert.push_values(rows, |mut values, row| row.bind(&mut values));
        self.database.execute(insert.build()).await.map(drop)
    }

    /// Makes new rows have numbers after `last`, or after those that were given here.
    pub(super) async fn number_after(&self, table: &Table, last: i64) -> Result<(), StoreError> {
        let Some(sequence) = table.sequence else {
            return Ok(());
        };
        let number = format!(
            "SELECT setval({sequence}, $1) WHERE $1 > coalesce(pg_sequence_last_value({sequence}), 0)"
        );
        let number = query(AssertSqlSafe(number)).bind(last);
        self.database.optional(number).await.map(drop)
    }
}
