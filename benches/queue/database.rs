//! The databases that are measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use facegen_core::fake::requests::{inline, request};
use facegen_core::job::JobId;
use facegen_core::store::{NewJob, QueueLimits, Stores};
use facegen_core::{Clock as _, FilePrefix, KeyId, KeyRole, SystemClock};
use facegen_jobs::Keys;
use facegen_store::postgres::testing::Rows as PostgresRows;
use facegen_store::sqlite::testing::Rows as SqliteRows;
use facegen_store::{PostgresSource, PostgresStore};
use facegen_testkit::postgres::Postgres;
use tempfile::TempDir;

/// No limit of the queue.
pub(crate) const ROOM: QueueLimits = QueueLimits {
    queue: u32::MAX,
    share: 0,
};

/// The preset of all jobs and workers.
pub(crate) const PRESET: &str = "tiny";

/// A new database.
pub(crate) enum Database {
    Sqlite {
        rows: SqliteRows,
        /// Lives as long as its database.
        _directory: TempDir,
    },
    Postgres(PostgresRows, PostgresSource),
}

impl Database {
    pub(crate) async fn new(server: Option<&Postgres>) -> Result<Self> {
        let Some(server) = server else {
            let directory = tempfile::tempdir()?;
            let rows = SqliteRows::open(&directory.path().join("jobs.sqlite")).await;
            return Ok(Self::Sqlite {
                rows,
                _directory: directory,
            });
        };
        let source = PostgresSource {
            url: server.url(&server.create()),
            password_file: None,
        };
        Ok(Self::Postgres(PostgresRows::open(&source).await, source))
    }

    /// The stores of one more process, or those of the only one.
    pub(crate) async fn stores(&self) -> Result<Stores> {
        Ok(match self {
            Self::Sqlite { rows, .. } => rows.stores(),
            Self::Postgres(_, source) => PostgresStore::open(source).await?.into_stores(),
        })
    }

    pub(crate) async fn queue(&self, keys: i64, jobs: i64, like: JobId) {
        match self {
            Self::Sqlite { rows, .. } => rows.queue(keys, jobs, like).await,
            Self::Postgres(rows, _) => rows.queue(keys, jobs, like).await,
        }
    }

    pub(crate) async fn plan_of_claim(&self) -> Option<String> {
        match self {
            Self::Sqlite { .. } => None,
            Self::Postgres(rows, _) => Some(rows.plan_of_claim().await),
        }
    }

    /// A job that the others are like.
    pub(crate) async fn template(&self) -> Result<JobId> {
        let stores = self.stores().await?;
        let key = key(&stores).await?;
        let job = stores.jobs.insert(&new_job(key), ROOM).await?;
        let job = job.ok().context("there is no room")?;
        Ok(job.id)
    }
}

pub(crate) async fn key(stores: &Stores) -> Result<KeyId> {
    let keys = Keys::new(Arc::clone(&stores.keys), Arc::new(SystemClock));
    Ok(keys.create("bench", KeyRole::Plain).await?.0.id)
}

pub(crate) fn new_job(key: KeyId) -> NewJob {
    static LAST: AtomicU64 = AtomicU64::new(1 << 60);
    NewJob {
        key,
        request: request("a person in a garden"),
        face: inline(),
        file_prefix: FilePrefix::from_random(LAST.fetch_add(1, Ordering::Relaxed).into()),
        base_url: "http://localhost:8080".to_owned(),
        priority: 0,
        preset: Some(PRESET.to_owned()),
        created_at: SystemClock.now(),
    }
}
