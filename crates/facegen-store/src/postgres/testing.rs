//! Direct access to a database, for measurements and the tests of other crates.

#![expect(clippy::expect_used, reason = "tests may panic")]

use facegen_core::job::JobId;
use sqlx::{AssertSqlSafe, Row as _, query, query_scalar};

use super::PostgresSource;
use super::database::Database;
use super::jobs::CLAIM;
use crate::rows::Columns as _;

/// As many keys as `$1`, and jobs like the job `$3`, `$2` in all, that wait.
const QUEUE: &str = "
    WITH others AS (
        INSERT INTO keys (name, role, hash, created_at)
        SELECT 'key ' || number, 'plain', sha256(number::text::bytea), 0
        FROM generate_series(1, $1) AS number RETURNING id
    ), numbered AS (SELECT id, row_number() OVER () - 1 AS place FROM others), added AS (
        INSERT INTO generations
            (key_id, state, request, face_url, file_prefix, base_url, webhook, priority, cost, created_at)
        SELECT numbered.id, 'queued', request, face_url, gen_random_uuid()::text, base_url, FALSE, priority,
               cost, created_at
        FROM generate_series(1, $2) AS number
        JOIN numbered ON place = number % $1
        CROSS JOIN (SELECT * FROM generations WHERE id = $3) AS like_it
        ORDER BY number RETURNING id
    )
    INSERT INTO job_presets (generation_id, preset)
    SELECT added.id, preset FROM added CROSS JOIN job_presets WHERE generation_id = $3";

/// The bytes of each table with what belongs to it, and of its indexes.
const SIZES: &str = "
    SELECT relname::text AS name, pg_table_size(oid) AS table, pg_indexes_size(oid) AS indexes
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    ORDER BY pg_total_relation_size(oid) DESC";

/// The rows of a database that others may use at the same time.
#[derive(Debug, Clone)]
pub struct Rows(Database);

/// How large a table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// Its name.
    pub table: String,
    /// The bytes of its rows, with what is stored apart.
    pub rows: i64,
    /// The bytes of its indexes.
    pub indexes: i64,
}

impl Rows {
    /// Opens a database.
    ///
    /// # Panics
    /// Panics when it cannot be opened.
    pub async fn open(source: &PostgresSource) -> Self {
        let options = source.options().expect("the source is sound");
        Self(Database::connect(options).await.expect("the rows open"))
    }

    /// Adds so many keys and so many queued jobs like this one, evenly spread, and brings
    /// the statistics of the planner up to date.
    ///
    /// # Panics
    /// Panics when the database fails.
    pub async fn queue(&self, keys: i64, jobs: i64, like: JobId) {
        let queue = query(QUEUE)
            .bind(keys)
            .bind(jobs)
            .bind(i64::from(like.get()));
        self.0.execute(queue).await.expect("rows are added");
        self.0
            .execute(query("VACUUM ANALYZE"))
            .await
            .expect("it is analysed");
    }

    /// Returns how a claim is executed, after it has been.
    ///
    /// # Panics
    /// Panics when the database fails.
    pub async fn plan_of_claim(&self) -> String {
        let explain = AssertSqlSafe(format!("EXPLAIN (ANALYZE, BUFFERS) {CLAIM}"));
        let plan = query(explain)
            .bind(0_i64)
            .bind(0_i64)
            .bind("plan")
            .bind(true)
            .bind(true);
        let plan = self.0.all(plan).await.expect("the claim is explained");
        let lines = plan.iter().map(|row| row.get::<String, _>(0));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Frees what dead rows leave, and returns the sizes of all tables, the largest first.
    ///
    /// # Panics
    /// Panics when the database fails.
    pub async fn vacuum(&self) -> Vec<Size> {
        self.0
            .execute(query("VACUUM ANALYZE"))
            .await
            .expect("it is vacuumed");
        let sizes = self.0.all(query(SIZES)).await.expect("sizes are read");
        let size = |row: &sqlx::postgres::PgRow| Size {
            table: row.text("name").expect("a name").to_owned(),
            rows: row.int("table").expect("a size"),
            indexes: row.int("indexes").expect("a size"),
        };
        sizes.iter().map(size).collect()
    }

    /// Returns how many jobs are in a state.
    ///
    /// # Panics
    /// Panics when the database fails.
    pub async fn jobs_in(&self, state: &str) -> i64 {
        let count = query_scalar("SELECT count(*) FROM generations WHERE state = $1").bind(state);
        count.fetch_one(&self.0.pool).await.expect("rows count")
    }

    /// Returns how many connections to the database there are.
    ///
    /// # Panics
    /// Panics when the database fails.
    pub async fn connections(&self) -> i64 {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()";
        let count = query_scalar(count).fetch_one(&self.0.pool);
        count.await.expect("connections count")
    }
}
