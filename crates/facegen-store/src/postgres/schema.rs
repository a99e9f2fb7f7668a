//! The state of the tables, and their migrations.
//!
//! A rolling deploy runs two versions of the program on one database. So a
//! migration only adds what the version before does not see, and a later one
//! takes away what no version uses any more; the latter raises the number that
//! a program has to know. A program that knows fewer migrations than the
//! database has works on it as long as it knows that one.

use std::borrow::Cow;
use std::collections::HashMap;

use facegen_core::store::StoreError;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{Connection as _, Row as _, query};

use super::bounded::{STATEMENT_TIMEOUT, bounded};
use crate::rows::failed;

const HAS_TABLE: &str = "SELECT to_regclass($1) IS NOT NULL";

const APPLIED: &str = "SELECT version, checksum FROM _sqlx_migrations WHERE success";

const REQUIRED: &str = "SELECT required_migration FROM installation";

/// The state of the tables of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The latest migration of the database; 0 when it has no tables yet.
    pub applied: i64,
    /// The latest migration that this program knows.
    pub known: i64,
    /// The latest migration that a program has to know.
    pub required: i64,
    /// Whether all migrations of this program are applied, unchanged.
    pub is_complete: bool,
}

impl Schema {
    /// Returns whether this program can work on the database as it is.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.is_complete && self.required <= self.known
    }
}

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("./migrations/postgres");
    // Those of a later version.
    migrator.set_ignore_missing(true);
    migrator
}

/// Reads the state of the tables.
///
/// # Errors
/// The database cannot be reached.
pub(super) async fn read(options: &PgConnectOptions) -> Result<Schema, StoreError> {
    // Not from a pool, which goes on trying and hides why it fails.
    let read = async {
        let mut connection = PgConnection::connect_with(options).await?;
        let schema = read_on(&mut connection).await?;
        connection.close().await?;
        Ok(schema)
    };
    bounded(STATEMENT_TIMEOUT, read).await.map_err(failed)
}

async fn read_on(connection: &mut PgConnection) -> Result<Schema, sqlx::Error> {
    let mut applied: HashMap<i64, Vec<u8>> = HashMap::new();
    if has_table(connection, "_sqlx_migrations").await? {
        for row in query(APPLIED).fetch_all(&mut *connection).await? {
            applied.insert(row.try_get("version")?, row.try_get("checksum")?);
        }
    }
    let required = match has_table(connection, "installation").await? {
        true => query(REQUIRED)
            .fetch_one(&mut *connection)
            .await?
            .try_get(0)?,
        false => 0,
    };
    let migrator = migrator();
    let is_applied = |migration: &sqlx::migrate::Migration| {
        let checksum = applied.get(&migration.version).map(Vec::as_slice);
        checksum.map(Cow::Borrowed) == Some(migration.checksum.clone())
    };
    Ok(Schema {
        applied: applied.keys().copied().max().unwrap_or(0),
        known: migrator.iter().map(|one| one.version).max().unwrap_or(0),
        required,
        is_complete: migrator.iter().all(is_applied),
    })
}

async fn has_table(connection: &mut PgConnection, name: &str) -> Result<bool, sqlx::Error> {
    let row = query(HAS_TABLE).bind(name).fetch_one(connection).await?;
    row.try_get(0)
}

/// Applies the migrations that the database lacks. When it lacks none, nothing
/// is written, so that a role of the database without the right to make tables
/// is enough. Processes that start at once do so one after the other: the
/// migrations hold an advisory lock.
///
/// # Errors
/// The database cannot be reached, its tables are another program's, or it
/// needs a later version of this one.
pub(super) async fn bring_up_to_date(options: &PgConnectOptions) -> Result<Schema, StoreError> {
    let mut schema = read(options).await?;
    if !schema.is_complete {
        migrate(options.clone()).await?;
        schema = read(options).await?;
    }
    if schema.is_usable() {
        return Ok(schema);
    }
    let Schema {
        required, known, ..
    } = schema;
    let reason = format!(
        "a later version of facegen has changed them: migration {required} has to be known, \
         this version knows {known}"
    );
    Err(StoreError::Migrate(reason.into()))
}

/// Applies the migrations, on a connection that may take its time.
async fn migrate(options: PgConnectOptions) -> Result<(), StoreError> {
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = pool.connect_with(options).await.map_err(failed)?;
    let migrated = migrator().run(&pool).await;
    pool.close().await;
    migrated.map_err(|error| StoreError::Migrate(Box::new(error)))
}
