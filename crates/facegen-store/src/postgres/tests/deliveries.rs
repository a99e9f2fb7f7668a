//! Deliveries of keys with many of them, and of two processes.

use std::collections::HashSet;
use std::time::Duration;

use facegen_core::Timestamp;
use facegen_core::store::{DeliveryFilter, DeliveryKind, Stores, WorkerId};
use sqlx::{AssertSqlSafe, PgPool, Row as _, query};
use tokio::task::JoinSet;

use super::server::{database, new_database, stores};
use crate::postgres::database::Database;
use crate::postgres::deliveries::{CLAIM_AGAIN, CLAIM_FIRST};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

const KEYS: &str = "INSERT INTO keys (name, role, hash, created_at)
    VALUES ('a', 'plain', '\\x01', 0), ('b', 'plain', '\\x02', 0)";

/// So many jobs of both keys with a webhook each, to one of ten receivers.
const JOBS: &str = "
    INSERT INTO generations
        (key_id, state, request, file_prefix, base_url, webhook, receiver, priority, cost, created_at)
    SELECT 1 + number % 2, 'running', '{}', number::text, '', TRUE, 'host' || number % 10, 0, 1, 0
    FROM generate_series(1, $1) AS number";

const END: &str = "UPDATE generations SET state = 'failed', finished_at = id";

async fn fill(pool: &PgPool, jobs: i32) {
    query(KEYS).execute(pool).await.unwrap();
    query(JOBS).bind(jobs).execute(pool).await.unwrap();
    query(END).execute(pool).await.unwrap();
}

/// What PostgreSQL does for a claim that leaves most receivers out.
async fn plan(database: &Database, claim: &str) -> Vec<String> {
    let busy: Vec<String> = (1..10).map(|number| format!("host{number}")).collect();
    let explain = AssertSqlSafe(format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {claim}"));
    let explain = query(explain)
        .bind(0_i64)
        .bind("webhook")
        .bind(NOW.as_millis())
        .bind(busy)
        .bind(Vec::<i64>::new())
        .bind("a worker");
    let lines = database.all(explain).await.unwrap();
    lines.iter().map(|row| row.get(0)).collect()
}

/// How many rows a step has looked at in vain.
fn left_out(line: &str) -> u32 {
    let removed = line.split_once("Rows Removed by Filter: ");
    removed.map_or(0, |(_, number)| number.trim().parse().unwrap())
}

#[tokio::test]
async fn the_next_delivery_is_found_without_a_look_at_all() {
    let (_, database) = database().await;
    fill(&database.pool, 20_000).await;
    let again = "UPDATE deliveries SET attempt = 1 WHERE id / 10 % 2 = 0";
    query(again).execute(&database.pool).await.unwrap();
    query("ANALYZE").execute(&database.pool).await.unwrap();
    for (claim, index) in [
        (CLAIM_FIRST, "deliveries_first"),
        (CLAIM_AGAIN, "deliveries_again"),
    ] {
        let plan = plan(&database, claim).await;
        assert!(plan.iter().any(|line| line.contains(index)), "{plan:#?}");
        assert!(
            !plan
                .iter()
                .any(|line| line.contains("Seq Scan on deliveries")),
            "{plan:#?}"
        );
        assert!(plan.iter().all(|line| left_out(line) < 100), "{plan:#?}");
        assert!(plan[0].contains("rows=1"), "{plan:#?}");
    }
}

async fn claim_all(node: Stores, worker: WorkerId) -> Vec<i64> {
    let filter = DeliveryFilter {
        kind: DeliveryKind::Webhook,
        first: true,
        without_receivers: Vec::new(),
        without_keys: Vec::new(),
    };
    let lease_until = NOW + Duration::from_secs(30);
    let deliveries = &node.deliveries;
    let mut claimed = Vec::new();
    while let Some(delivery) = deliveries
        .claim(&filter, &worker, NOW, lease_until)
        .await
        .unwrap()
    {
        claimed.push(delivery.id);
    }
    claimed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_never_claim_the_same_delivery() {
    let source = new_database().await;
    let nodes = [stores(&source).await, stores(&source).await];
    fill(&PgPool::connect(&source.url).await.unwrap(), 100).await;
    let mut claiming = JoinSet::new();
    for number in 0..6 {
        let worker = WorkerId::new(format!("worker {number}"));
        claiming.spawn(claim_all(nodes[number % 2].clone(), worker));
    }
    let claimed = claiming.join_all().await.concat();
    let different: HashSet<i64> = claimed.iter().copied().collect();
    assert_eq!((claimed.len(), different.len()), (100, 100));
}
