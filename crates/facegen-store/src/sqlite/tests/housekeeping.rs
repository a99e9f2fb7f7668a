//! What is old, among many jobs.

use facegen_core::Timestamp;
use facegen_core::store::Housekeeping as _;
use tempfile::TempDir;

use super::super::housekeeping::{DELETE, OLDEST_KEPT, SqliteHousekeeping};
use super::*;

/// Jobs that have ended one after the other, a millisecond apart: one half with images that
/// were deleted at once, a quarter with images that are kept, and a quarter without any.
const JOBS: &str = "
    INSERT INTO keys (id, name, role, hash, created_at) VALUES (1, 'a', 'plain', x'01', 0);
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 4000)
    INSERT INTO generations
        (key_id, state, request, file_prefix, base_url, webhook, priority, cost, created_at,
         finished_at, images_deleted_at, expires_at)
    SELECT 1, 'succeeded', '{}', n, '', 0, 0, 1, n, n, iif(n % 2 = 0, n, NULL),
           iif(n % 4 < 3, n + 100000, NULL)
    FROM numbers";

async fn filled() -> (Database, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(&directory.path().join("jobs.sqlite")).await;
    let database = database.unwrap();
    let jobs = sqlx::raw_sql(JOBS);
    jobs.execute(database.writer.pool()).await.unwrap();
    (database, directory)
}

#[tokio::test]
async fn old_jobs_are_deleted_some_at_a_time() {
    let (database, _directory) = filled().await;
    let housekeeping = SqliteHousekeeping(database.clone());
    let last = Timestamp::from_millis(i64::from(u32::MAX));
    let mut deleted = Vec::new();
    while deleted.last() != Some(&0) {
        deleted.push(housekeeping.delete_rows(last, last).await.unwrap());
    }
    assert_eq!(deleted, [1000, 1000, 1000, 0]);
}

#[tokio::test]
async fn what_is_old_is_found_without_a_look_at_all() {
    let (database, _directory) = filled().await;
    for statement in [DELETE, OLDEST_KEPT] {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let lines: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain)
            .fetch_all(&database.readers)
            .await
            .unwrap();
        let all = |line: &str| line.starts_with("SCAN generations") && !line.contains("INDEX");
        assert!(!lines.iter().any(|line| all(&line.3)), "{lines:#?}");
        let by_index = lines
            .iter()
            .any(|line| line.3.contains("generations_old_") || line.3.contains("generations_kept"));
        assert!(by_index, "{lines:#?}");
    }
}
