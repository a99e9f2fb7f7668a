//! The queue in SQLite.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::Row as _;
use tempfile::TempDir;

use super::*;
use crate::conformance;
use crate::conformance::jobs::clearing::each_job_is_claimed_or_cleared;
use crate::conformance::jobs::{AsyncCount, Empty};
use crate::sqlite::tests::{key, stores};

struct Counter {
    store: Database,
    _directory: TempDir,
}

#[async_trait]
impl AsyncCount for Counter {
    async fn photos(&self) -> i64 {
        count(&self.store, "SELECT count(*) FROM inputs").await
    }

    async fn webhooks(&self) -> i64 {
        let sql = "SELECT count(*) FROM deliveries WHERE state = 'queued'";
        count(&self.store, sql).await
    }
}

async fn count(store: &Database, sql: &'static str) -> i64 {
    let count = sqlx::query_scalar(sql).fetch_one(&store.readers);
    count.await.unwrap()
}

async fn keys(store: &Database) -> [KeyId; 2] {
    let stores = stores(store);
    [key(&stores, "a").await.id, key(&stores, "b").await.id]
}

async fn empty() -> Empty {
    let directory = tempfile::tempdir().unwrap();
    let store = Database::open(&directory.path().join("jobs.sqlite"))
        .await
        .unwrap();
    Empty {
        keys: keys(&store).await,
        queue: Box::new(SqliteJobs::new(store.clone())),
        count: Box::new(Counter {
            store,
            _directory: directory,
        }),
    }
}

#[tokio::test]
async fn sqlite_conforms() {
    conformance::jobs::all(empty).await;
}

#[test]
fn states_only_move_forward() {
    conformance::jobs::interleavings::states_only_move_forward(100, empty);
}

/// Two connections to one database, and a key.
async fn two_queues(directory: &Path) -> ([Arc<dyn JobStore>; 2], KeyId) {
    let database = directory.join("jobs.sqlite");
    let stores = [
        Database::open(&database).await.unwrap(),
        Database::open(&database).await.unwrap(),
    ];
    let [key, _] = keys(&stores[0]).await;
    let queues = stores.map(|store| Arc::new(SqliteJobs::new(store)) as Arc<dyn JobStore>);
    (queues, key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_connections_that_write_never_claim_the_same_job() {
    let directory = tempfile::tempdir().unwrap();
    let (queues, key) = two_queues(directory.path()).await;
    conformance::jobs::no_job_is_claimed_twice(queues, key).await;
}

#[tokio::test]
async fn a_claim_looks_at_one_job_of_each_key() {
    let directory = tempfile::tempdir().unwrap();
    let store = Database::open(&directory.path().join("jobs.sqlite")).await;
    let plan = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", CLAIM));
    let rows = sqlx::query(plan).fetch_all(&store.unwrap().writer).await;
    let lines: Vec<String> = rows.unwrap().iter().map(|row| row.get("detail")).collect();
    let waiting = "SEARCH generations USING INDEX generations_waiting (key_id=?)";
    assert!(lines.iter().any(|line| line == waiting), "{lines:#?}");
    assert!(lines.iter().all(|line| !line.contains("SCAN generations")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_connections_never_claim_and_clear_the_same_job() {
    let directory = tempfile::tempdir().unwrap();
    let (queues, key) = two_queues(directory.path()).await;
    each_job_is_claimed_or_cleared(queues, key).await;
}
