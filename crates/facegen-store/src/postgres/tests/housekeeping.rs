//! What is old, among many jobs.

use std::time::Duration;

use facegen_core::Timestamp;
use facegen_core::store::Housekeeping as _;
use sqlx::{AssertSqlSafe, Row as _, query};

use super::server::database;
use crate::postgres::database::Database;
use crate::postgres::housekeeping::{OLD, OLDEST_KEPT, PostgresHousekeeping};

/// Jobs that have ended one after the other, a millisecond apart: one half with images that
/// were deleted at once, a quarter with images that are kept, and a quarter without any.
const JOBS: &str = "
    WITH key AS (
        INSERT INTO keys (name, role, hash, created_at) VALUES ('a', 'plain', '\\x01', 0) RETURNING id
    ), job AS (
        INSERT INTO generations
            (key_id, state, request, file_prefix, base_url, webhook, priority, cost, created_at,
             finished_at, images_deleted_at, expires_at)
        SELECT key.id, 'succeeded', '{}', number::text, '', FALSE, 0, 1, number, number,
               CASE WHEN number % 2 = 0 THEN number END,
               CASE WHEN number % 4 < 3 THEN number + 100000 END
        FROM key CROSS JOIN generate_series(1, $1) AS number
        RETURNING id, key_id
    )
    INSERT INTO deliveries (name, generation_id, key_id, receiver, kind, state, run_at, created_at)
    SELECT job.id::text, job.id, job.key_id, 'a.example', 'webhook', 'dead', 0, 0 FROM job";

async fn filled(jobs: i32) -> Database {
    let (_, database) = database().await;
    database.execute(query(JOBS).bind(jobs)).await.unwrap();
    database.execute(query("ANALYZE")).await.unwrap();
    database
}

async fn count(database: &Database, table: &str) -> i64 {
    let count = format!("SELECT count(*) FROM {table}");
    let row = database.one(query(AssertSqlSafe(count))).await;
    row.unwrap().get(0)
}

#[tokio::test]
async fn old_jobs_are_deleted_some_at_a_time() {
    let database = filled(4000).await;
    let housekeeping = PostgresHousekeeping(database.clone());
    let last = Timestamp::from_millis(i64::from(u32::MAX));
    let mut deleted = Vec::new();
    while deleted.last() != Some(&0) {
        deleted.push(housekeeping.delete_rows(last, last).await.unwrap());
    }
    assert_eq!(deleted, [1000, 1000, 1000, 0]);
    for table in ["generations", "deliveries"] {
        assert_eq!(count(&database, table).await, 1000, "{table}");
    }
}

#[tokio::test]
async fn several_nodes_delete_each_job_once() {
    let database = filled(4000).await;
    let last = Timestamp::from_millis(i64::from(u32::MAX));
    let mut nodes = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let housekeeping = PostgresHousekeeping(database.clone());
        nodes.spawn(async move { housekeeping.delete_rows(last, last).await.unwrap() });
    }
    assert_eq!(nodes.join_all().await.iter().sum::<u64>(), 3000);
}

/// What PostgreSQL does for a statement with these values.
async fn plan(database: &Database, statement: &str, values: &[i64]) -> Vec<String> {
    let explain = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}");
    let mut explain = query(AssertSqlSafe(explain));
    for value in values {
        explain = explain.bind(*value);
    }
    let lines = database.all(explain).await.unwrap();
    lines.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn what_is_old_is_found_without_a_look_at_all() {
    let database = filled(20_000).await;
    let none = -1;
    let some = Duration::from_millis(1_500).as_millis() as i64;
    for (statement, values) in [
        (OLD, &[none, none][..]),
        (OLD, &[some, some]),
        (OLDEST_KEPT, &[0]),
    ] {
        let plan = plan(&database, statement, values).await;
        let is_slow = |line: &String| {
            line.contains("Seq Scan on generations") || line.contains("Rows Removed")
        };
        assert!(!plan.iter().any(is_slow), "{plan:#?}");
    }
}
