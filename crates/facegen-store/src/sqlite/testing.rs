//! Direct access to a database, for the tests of other crates: reads rows, and
//! makes rows as a fault or a dead process leaves them.

#![expect(clippy::expect_used, reason = "tests may panic")]

use std::path::Path;

use facegen_core::Timestamp;
use facegen_core::job::JobId;
use facegen_core::store::Stores;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteArguments;

use super::SqliteStore;
use super::database::Database;

/// Values that can be counted or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// All jobs.
    Jobs,
    /// The jobs in a state.
    JobsIn(&'static str),
    /// The number of crashes from inside, over all jobs.
    Crashes,
    /// When the last lease of a job expires, in milliseconds since 1970.
    LastLease,
    /// Whether the images of this job are recorded as deleted.
    ImagesDeleted(u32),
    /// The stored photos.
    Photos,
    /// The uploaded images.
    Uploads,
    /// All deliveries.
    Deliveries,
    /// The deliveries in a state.
    DeliveriesIn(&'static str),
    /// The deliveries that are queued or running.
    OpenDeliveries,
    /// The uploads to buckets in a state.
    BucketUploadsIn(&'static str),
    /// The deliveries whose last error was this.
    DeliveriesFailedWith(&'static str),
    /// When the only delivery is due, in milliseconds since 1970.
    DueAt,
    /// The attempt of the only delivery.
    DeliveryAttempt,
    /// The number of running deliveries of the key with the most.
    BusiestKey,
    /// The number of running deliveries to the receiver with the most.
    BusiestReceiver,
}

impl Count {
    fn sql(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Jobs => ("SELECT count(*) FROM generations", None),
            Self::JobsIn(state) => (
                "SELECT count(*) FROM generations WHERE state = ?",
                Some(state),
            ),
            Self::Crashes => ("SELECT coalesce(sum(crashes), 0) FROM generations", None),
            Self::LastLease => (
                "SELECT coalesce(max(lease_until), 0) FROM generations",
                None,
            ),
            Self::ImagesDeleted(_) => (
                "SELECT count(*) FROM generations WHERE images_deleted_at IS NOT NULL AND id = ?",
                None,
            ),
            Self::Photos => ("SELECT count(*) FROM inputs", None),
            Self::Uploads => ("SELECT count(*) FROM uploads", None),
            Self::Deliveries => ("SELECT count(*) FROM deliveries", None),
            Self::DeliveriesIn(state) => (
                "SELECT count(*) FROM deliveries WHERE state = ?",
                Some(state),
            ),
            Self::OpenDeliveries => (
                "SELECT count(*) FROM deliveries WHERE state IN ('queued', 'running')",
                None,
            ),
            Self::BucketUploadsIn(state) => (
                "SELECT count(*) FROM deliveries WHERE kind = 'upload' AND state = ?",
                Some(state),
            ),
            Self::DeliveriesFailedWith(error) => (
                "SELECT count(*) FROM deliveries WHERE last_error = ?",
                Some(error),
            ),
            Self::DueAt => ("SELECT run_at FROM deliveries", None),
            Self::DeliveryAttempt => ("SELECT attempt FROM deliveries", None),
            Self::BusiestKey => (
                "SELECT max(running) FROM (SELECT count(*) AS running FROM deliveries
                 WHERE state = 'running' GROUP BY key_id)",
                None,
            ),
            Self::BusiestReceiver => (
                "SELECT max(running) FROM (SELECT count(*) AS running FROM deliveries
                 WHERE state = 'running' GROUP BY receiver)",
                None,
            ),
        }
    }
}

/// Opens the stores in `directory` for this process alone.
///
/// # Panics
/// Panics when they cannot be opened.
pub async fn stores(directory: &Path) -> Stores {
    let store = SqliteStore::open_exclusive(&directory.join("jobs.sqlite")).await;
    store.expect("the stores open").into_stores()
}

/// The rows of a database that others may use at the same time.
#[derive(Debug, Clone)]
pub struct Rows(Database);

impl Rows {
    /// Opens a database.
    ///
    /// # Panics
    /// Panics when it cannot be opened.
    pub async fn open(database: &Path) -> Self {
        Self(Database::open(database).await.expect("the rows open"))
    }

    /// Returns the stores on these rows, without the lock of the database.
    #[must_use]
    pub fn stores(&self) -> Stores {
        let store = SqliteStore {
            database: self.0.clone(),
            lock: None,
        };
        store.into_stores()
    }

    /// Counts or reads.
    ///
    /// # Panics
    /// Panics when the database fails.
    pub async fn count(&self, what: Count) -> i64 {
        let (sql, text) = what.sql();
        let query = sqlx::query_scalar(sql);
        let query = match (what, text) {
            (Count::ImagesDeleted(id), _) => query.bind(id),
            (_, Some(text)) => query.bind(text),
            (_, None) => query,
        };
        query.fetch_one(&self.0.readers).await.expect("rows count")
    }

    /// Makes the request of a job unreadable.
    pub async fn damage_job(&self, id: JobId) {
        let damage = sqlx::query("UPDATE generations SET request = '{}' WHERE id = ?");
        self.write(damage.bind(id.get())).await;
    }

    /// Makes the row of an upload unreadable.
    pub async fn damage_upload(&self, id: u32) {
        let damage = sqlx::query("UPDATE uploads SET file_prefix = 'x' WHERE id = ?");
        self.write(damage.bind(id)).await;
    }

    /// Records a crash of a queued job.
    pub async fn crash_once(&self, id: JobId) {
        let crash = "UPDATE generations SET crashes = 1, attempt = 1 WHERE id = ?";
        self.write(sqlx::query(crash).bind(id.get())).await;
    }

    /// Makes a job one that was in the engine of a dead process, after this
    /// many crashes.
    pub async fn die_over(&self, id: JobId, crashes: u32) {
        let die =
            "UPDATE generations SET state = 'running', in_engine = 1, crashes = ? WHERE id = ?";
        self.write(sqlx::query(die).bind(crashes).bind(id.get()))
            .await;
    }

    /// Adds so many keys and so many queued jobs like this one, evenly spread.
    pub async fn queue(&self, keys: i64, jobs: i64, like: JobId) {
        let key = "
            WITH RECURSIVE numbers (number) AS (
                SELECT 1 UNION ALL SELECT number + 1 FROM numbers LIMIT ?
            )
            INSERT INTO keys (name, role, hash, created_at)
            SELECT 'key ' || number, 'plain', randomblob(32), 0 FROM numbers";
        self.write(sqlx::query(key).bind(keys)).await;
        let jobs_like_it = "
            WITH RECURSIVE numbers (number) AS (
                SELECT 1 UNION ALL SELECT number + 1 FROM numbers LIMIT ?1
            )
            INSERT INTO generations (key_id, state, request, face_url, file_prefix, base_url, webhook,
                                     priority, cost, created_at)
            SELECT last - number % ?2, 'queued', request, face_url,
                   printf('00000000-0000-4000-8000-%012x', number), base_url, 0, priority, cost, created_at
            FROM numbers, (SELECT * FROM generations WHERE id = ?3), (SELECT max(id) AS last FROM keys)";
        let jobs = sqlx::query(jobs_like_it).bind(jobs).bind(keys);
        self.write(jobs.bind(like.get())).await;
        let presets = "
            INSERT INTO job_presets (generation_id, preset)
            SELECT generations.id, preset FROM generations, job_presets
            WHERE generation_id = ? AND generations.id > generation_id";
        self.write(sqlx::query(presets).bind(like.get())).await;
    }

    /// Makes the next job have the largest number.
    pub async fn use_up_numbers(&self) {
        let all = "UPDATE sqlite_sequence SET seq = 2147483646 WHERE name = 'generations'";
        self.write(sqlx::query(all)).await;
    }

    /// Makes all queued deliveries due at `run_at`.
    pub async fn postpone_deliveries(&self, run_at: Timestamp) {
        let postpone = sqlx::query("UPDATE deliveries SET run_at = ? WHERE state = 'queued'");
        self.write(postpone.bind(run_at.as_millis())).await;
    }

    /// Requeues all deliveries.
    pub async fn requeue_deliveries(&self) {
        let again = "UPDATE deliveries SET state = 'queued', finished_at = NULL";
        self.write(sqlx::query(again)).await;
    }

    /// Makes all deliveries running ones of a dead process, at this attempt,
    /// with a lease until `lease_until`, in milliseconds since 1970.
    pub async fn lose_deliveries(&self, attempt: u32, lease_until: i64) {
        let lose = "UPDATE deliveries SET state = 'running', attempt = ?, lease_until = ?";
        self.write(sqlx::query(lose).bind(attempt).bind(lease_until))
            .await;
    }

    /// Makes every deletion of a job fail.
    pub async fn refuse_deletions(&self) {
        let refuse = "CREATE TRIGGER keep BEFORE DELETE ON generations
                      BEGIN SELECT RAISE(ABORT, 'as the test wants it'); END";
        self.write(sqlx::query(refuse)).await;
    }

    /// Makes every write to the jobs fail, or succeed again.
    ///
    /// Triggers do that, because a connection with a setting can be replaced by
    /// another when a statement is cancelled.
    pub async fn set_read_only(&self, read_only: bool) {
        for event in ["INSERT", "UPDATE", "DELETE"] {
            let sql = if read_only {
                format!(
                    "CREATE TRIGGER refuse_{event} BEFORE {event} ON generations
                     BEGIN SELECT RAISE(ABORT, 'read only'); END"
                )
            } else {
                format!("DROP TRIGGER refuse_{event}")
            };
            self.write(sqlx::query(AssertSqlSafe(sql))).await;
        }
    }

    async fn write(&self, query: sqlx::query::Query<'_, sqlx::Sqlite, SqliteArguments>) {
        query.execute(&self.0.writer).await.expect("rows change");
    }
}
