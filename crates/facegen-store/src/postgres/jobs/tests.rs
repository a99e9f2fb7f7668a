//! The queue in PostgreSQL.

use std::sync::Arc;

use async_trait::async_trait;
use facegen_core::store::KeyStore as _;

use super::*;
use crate::conformance;
use crate::conformance::jobs::clearing::each_job_is_claimed_or_cleared;
use crate::conformance::jobs::{AsyncCount, Empty};
use crate::postgres::keys::PostgresKeys;
use crate::postgres::tests::server::database;
use crate::sqlite::tests::new_key;

struct Counter(Database);

impl Counter {
    async fn count(&self, sql: &'static str) -> i64 {
        self.0.one(query(sql)).await.unwrap().get(0)
    }
}

#[async_trait]
impl AsyncCount for Counter {
    async fn photos(&self) -> i64 {
        self.count("SELECT count(*) FROM photos").await
    }

    async fn webhooks(&self) -> i64 {
        self.count("SELECT count(*) FROM deliveries WHERE state = 'queued'")
            .await
    }
}

async fn key(database: &Database, name: &str) -> KeyId {
    let keys = PostgresKeys(database.clone());
    keys.insert(&new_key(name)).await.unwrap().id
}

async fn empty() -> Empty {
    let (_, database) = database().await;
    Empty {
        keys: [key(&database, "a").await, key(&database, "b").await],
        queue: Box::new(PostgresJobs::new(database.clone())),
        count: Box::new(Counter(database)),
    }
}

#[tokio::test]
async fn postgres_conforms() {
    conformance::jobs::all(empty).await;
}

#[test]
fn states_only_move_forward() {
    conformance::jobs::interleavings::states_only_move_forward(20, empty);
}

/// Two pools of connections to one database, and a key.
async fn two_queues() -> ([Arc<dyn JobStore>; 2], KeyId) {
    let (source, one) = database().await;
    let other = Database::connect(source.options().unwrap()).await.unwrap();
    let key = key(&one, "a").await;
    let queues = [one, other].map(|store| Arc::new(PostgresJobs::new(store)) as Arc<dyn JobStore>);
    (queues, key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_never_claim_the_same_job() {
    let (queues, key) = two_queues().await;
    conformance::jobs::no_job_is_claimed_twice(queues, key).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_never_claim_and_clear_the_same_job() {
    let (queues, key) = two_queues().await;
    each_job_is_claimed_or_cleared(queues, key).await;
}

/// Many jobs that wait and many that have ended.
const MANY: &str = "
    INSERT INTO generations (key_id, state, request, file_prefix, base_url, webhook, priority, cost, created_at)
    SELECT 1, CASE WHEN number % 2 = 0 THEN 'queued' ELSE 'succeeded' END, '{}', number::text, '', FALSE, 0, 0, 0
    FROM generate_series(1, 20000) AS number";

#[tokio::test]
async fn a_claim_looks_at_one_job_of_each_key() {
    let (_, database) = database().await;
    key(&database, "a").await;
    database.execute(query(MANY)).await.unwrap();
    database.execute(query("ANALYZE")).await.unwrap();
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN (ANALYZE, COSTS OFF) {CLAIM}"));
    let plan = query(explain)
        .bind(0_i64)
        .bind(0_i64)
        .bind("")
        .bind(true)
        .bind(true);
    let plan = database.all(plan).await.unwrap();
    let lines: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let waiting = |line: &String| {
        line.contains("using generations_waiting") && line.contains("rows=1 loops=1")
    };
    assert!(lines.iter().any(waiting), "{lines:#?}");
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("Seq Scan on generations")),
        "{lines:#?}"
    );
}

/// 20 jobs that wait of each of 30 keys, with two priorities.
const CROWD: &str = "
    WITH others AS (
        INSERT INTO keys (name, role, hash, created_at)
        SELECT 'key ' || number, 'plain', sha256(number::text::bytea), 0
        FROM generate_series(1, 30) AS number RETURNING id
    )
    INSERT INTO generations (key_id, state, request, file_prefix, base_url, webhook, priority, cost, created_at)
    SELECT others.id, 'queued', '{}', gen_random_uuid()::text, '', FALSE, number / 15, number, 0
    FROM generate_series(1, 20) AS number CROSS JOIN others";

/// The jobs before one, by the definition: each waiting job with its place in the line of its key.
const BY_DEFINITION: &str = "
    SELECT count(*), coalesce(sum(cost), 0)::bigint AS cost FROM (
        SELECT generations.id, priority, cost, last_served,
               row_number() OVER (PARTITION BY key_id, priority ORDER BY generations.id) AS place
        FROM generations JOIN keys ON keys.id = key_id WHERE state = 'queued'
    ) AS line
    WHERE (-priority, place, last_served, id) < ($1, $2, $3, $4)";

#[tokio::test]
async fn what_comes_before_a_job_is_as_defined() {
    let (_, database) = database().await;
    let queue = PostgresJobs::new(database.clone());
    database.execute(query(CROWD)).await.unwrap();
    let turns = query("UPDATE keys SET last_served = id * 7 % 101");
    database.execute(turns).await.unwrap();
    database.execute(query("ANALYZE")).await.unwrap();
    let own = query(
        "SELECT id, -priority AS first, last_served, place FROM (
             SELECT generations.id, priority, last_served,
                    row_number() OVER (PARTITION BY key_id, priority ORDER BY generations.id) AS place
             FROM generations JOIN keys ON keys.id = key_id
         ) AS line ORDER BY md5(id::text) LIMIT 5",
    );
    for own in database.all(own).await.unwrap() {
        let expected = query(BY_DEFINITION)
            .bind(own.int("first").unwrap())
            .bind(own.int("place").unwrap())
            .bind(own.int("last_served").unwrap())
            .bind(own.int("id").unwrap());
        let expected = database.one(expected).await.unwrap();
        let id = id(&own).unwrap();
        let position = queue.position(id).await.unwrap();
        assert_eq!(position, expected.small("count").unwrap());
        let load = queue.load_before(id).await.unwrap();
        assert_eq!(load.waiting, amount(expected.int("cost").unwrap()));
    }
}
