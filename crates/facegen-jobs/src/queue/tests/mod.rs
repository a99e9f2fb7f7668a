//! The queue in SQLite.

mod conformance;
mod interleavings;

use std::sync::Arc;

use async_trait::async_trait;
use facegen_core::fake::ManualClock;
use sqlx::Row as _;
use tempfile::TempDir;

use super::*;
use crate::key::KeyRole;
use crate::store::{Keys, Store};
use crate::testing::{World, count};
use conformance::clearing::each_job_is_claimed_or_cleared;
use conformance::{AsyncCount, Empty};

impl QueueLimits {
    /// So many of all keys together.
    fn of(queue: u32) -> Self {
        Self { queue, share: 0 }
    }
}

struct Counter {
    store: Store,
    _folder: TempDir,
}

#[async_trait]
impl AsyncCount for Counter {
    async fn photographs(&self) -> i64 {
        count(&self.store, "SELECT count(*) FROM inputs").await
    }

    async fn webhooks(&self) -> i64 {
        let sql = "SELECT count(*) FROM deliveries WHERE state = 'queued'";
        count(&self.store, sql).await
    }
}

async fn keys(store: &Store) -> [KeyId; 2] {
    let keys = Keys::new(store.clone(), Arc::new(ManualClock::new()));
    let mut ids = Vec::new();
    for name in ["a", "b"] {
        ids.push(keys.create(name, KeyRole::Plain).await.unwrap().0.id);
    }
    [ids[0], ids[1]]
}

async fn empty() -> Empty {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("jobs.sqlite"))
        .await
        .unwrap();
    Empty {
        keys: keys(&store).await,
        queue: Box::new(SqliteQueue::new(store.clone())),
        count: Box::new(Counter {
            store,
            _folder: folder,
        }),
    }
}

#[tokio::test]
async fn sqlite_conforms() {
    conformance::all(empty).await;
}

/// Two connections to one database, and a key.
async fn two_queues(world: &World) -> ([Arc<dyn JobQueue>; 2], KeyId) {
    std::fs::create_dir_all(world.database().parent().unwrap()).unwrap();
    let stores = [world.store().await, world.store().await];
    let [key, _] = keys(&stores[0]).await;
    let queues = stores.map(|store| Arc::new(SqliteQueue::new(store)) as Arc<dyn JobQueue>);
    (queues, key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_connections_that_write_never_claim_the_same_job() {
    let world = World::new();
    let (queues, key) = two_queues(&world).await;
    conformance::no_job_is_claimed_twice(queues, key).await;
}

#[tokio::test]
async fn a_claim_looks_at_one_job_of_each_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("jobs.sqlite")).await;
    let plan = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", statements::CLAIM));
    let rows = sqlx::query(plan).fetch_all(&store.unwrap().writer).await;
    let lines: Vec<String> = rows.unwrap().iter().map(|row| row.get("detail")).collect();
    let waiting = "SEARCH generations USING INDEX generations_waiting (key_id=?)";
    assert!(lines.iter().any(|line| line == waiting), "{lines:#?}");
    assert!(lines.iter().all(|line| !line.contains("SCAN generations")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_connections_never_claim_and_clear_the_same_job() {
    let world = World::new();
    let (queues, key) = two_queues(&world).await;
    each_job_is_claimed_or_cleared(queues, key).await;
}
