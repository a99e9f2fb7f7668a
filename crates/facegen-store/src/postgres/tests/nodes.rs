//! Two processes on one database, as far as their stores see each other.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::fake::requests::{inline, request};
use facegen_core::job::{Failure, JobId, Outcome, Stages};
use facegen_core::key::{KeyId, KeyRole};
use facegen_core::store::{
    Claim, ClaimScope, DeadWorkers, ImageLocation, JobStore as _, NewJob, NewKey, NodeRole,
    QueueFull, QueueLimits, Stores, Success, WorkerId,
};
use facegen_core::{ErrorCode, FilePrefix, JobState, Timestamp};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, query, query_scalar};
use tokio::time::timeout;
use uuid::Uuid;

use super::schema::with_rights_of;
use super::server::{database, new_database, stores};
use crate::postgres::database::Database;
use crate::postgres::jobs::PostgresJobs;
use crate::sqlite::tests::new_key;

pub(super) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub(super) const LEASE: Duration = Duration::from_secs(30);

/// Breaks the connections that show processes, which hold these locks.
const KILL_PRESENCE: &str = "
    SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND classid IN (1717658470::oid, 1717658471::oid)
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// How long a connection is believed in, and a moment more.
const CHECKED: Duration = Duration::from_secs(6);

/// Breaks all connections but the one that asks for it.
const KILL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";

async fn two_nodes() -> ([Stores; 2], KeyId) {
    let source = new_database().await;
    let nodes = [stores(&source).await, stores(&source).await];
    let key = nodes[0].keys.insert(&new_key("a")).await.unwrap();
    (nodes, key.id)
}

fn new_job(key: KeyId) -> NewJob {
    NewJob {
        key,
        request: request("a person"),
        face: inline(),
        file_prefix: FilePrefix::from_random(Uuid::new_v4().as_u128()),
        base_url: String::new(),
        priority: 0,
        preset: None,
        created_at: START,
    }
}

pub(super) async fn insert(node: &Stores, key: KeyId, queue: u32) -> Result<JobId, QueueFull> {
    let limits = QueueLimits { queue, share: 0 };
    let inserted = node.jobs.insert(&new_job(key), limits).await.unwrap();
    inserted.map(|job| job.id)
}

pub(super) async fn claim(node: &Stores, worker: &str, now: Timestamp) -> Option<Claim> {
    let worker = WorkerId::new(worker);
    let claimed = node.jobs.claim(ClaimScope::Any, &worker, now, now + LEASE);
    claimed.await.unwrap()
}

pub(super) fn success() -> Success {
    Success {
        now: START,
        location: ImageLocation::Directory {
            expires_at: START + LEASE,
            upload: true,
        },
        warnings: Vec::new(),
        outcome: Outcome {
            generation_time: LEASE,
            stages: Stages::default(),
            images: Vec::new(),
            engine: None,
        },
    }
}

#[tokio::test]
async fn a_lease_that_ends_gives_the_job_to_another_and_fences_the_frozen_one() {
    let ([one, other], key) = two_nodes().await;
    let id = insert(&one, key, 9).await.unwrap();
    let frozen = claim(&one, "one", START).await.unwrap();
    assert!(claim(&other, "other", START).await.is_none());
    let late = START + LEASE + Duration::from_millis(1);
    let reclaimed = other.jobs.reclaim(&DeadWorkers::Expired, 3, late).await;
    assert_eq!(reclaimed.unwrap().requeued, [id]);
    let current = claim(&other, "other", late).await.unwrap();
    assert_eq!((current.job.id, current.fence.attempt), (id, 2));

    // The frozen one thaws, and nothing that it writes counts.
    let jobs = &one.jobs;
    let failure = Failure {
        code: ErrorCode::GenerationFailed,
        message: "late".into(),
    };
    assert!(!jobs.heartbeat(frozen.fence, late + LEASE).await.unwrap());
    assert!(!jobs.enter(frozen.fence).await.unwrap());
    assert!(!jobs.finish(frozen.fence, &success()).await.unwrap());
    assert!(!jobs.fail(frozen.fence, &failure, late).await.unwrap());
    assert!(!jobs.release(frozen.fence).await.unwrap());
    assert!(!jobs.break_down(frozen.fence, 3).await.unwrap());
    assert!(other.jobs.finish(current.fence, &success()).await.unwrap());
    let job = one.jobs.find(None, id).await.unwrap().unwrap();
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 2));
    let deliveries = one.deliveries.list(key, None, 9).await.unwrap();
    assert_eq!(deliveries.len(), 1, "one end, one upload");
}

#[tokio::test]
async fn a_job_that_kills_its_processes_is_given_up() {
    let source = new_database().await;
    let survivor = stores(&source).await;
    let pool = PgPool::connect(&source.url).await.unwrap();
    let key = survivor.keys.insert(&new_key("a")).await.unwrap().id;
    let id = insert(&survivor, key, 9).await.unwrap();
    let mut now = START;
    for deaths in 0..6 {
        let node = stores(&source).await;
        let claim = claim(&node, "one that dies", now).await.unwrap();
        assert_eq!(claim.crash_count, deaths);
        assert!(node.jobs.enter(claim.fence).await.unwrap());
        now = now + LEASE + Duration::from_millis(1);
        drop(node);
        wait_until_gone(&pool, "one that dies").await;
        let reclaimed = survivor.jobs.reclaim(&DeadWorkers::Expired, 3, now).await;
        let reclaimed = reclaimed.unwrap();
        let is_last = deaths == 5;
        assert_eq!(reclaimed.requeued.is_empty(), is_last);
        assert_eq!(reclaimed.failed.is_empty(), !is_last);
    }
    let job = survivor.jobs.find(None, id).await.unwrap().unwrap();
    assert_eq!(job.failure.unwrap().code, ErrorCode::Internal);
}

#[tokio::test]
async fn a_process_that_lives_is_seen_though_its_connections_broke() {
    let source = new_database().await;
    let one = stores(&source).await;
    let key = one.keys.insert(&new_key("a")).await.unwrap().id;
    insert(&one, key, 9).await.unwrap();
    let claim = claim(&one, "one", START).await.unwrap();
    assert!(one.jobs.enter(claim.fence).await.unwrap());
    let other = PgPool::connect(&source.url).await.unwrap();
    query(KILL).execute(&other).await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(
        one.jobs
            .heartbeat(claim.fence, START + LEASE)
            .await
            .unwrap()
    );
    let alive = query_scalar("SELECT worker_is_alive('one')");
    let alive: bool = alive.fetch_one(&other).await.unwrap();
    assert!(alive);
}

/// Waits until the server has seen that the process of a worker is gone.
async fn wait_until_gone(pool: &PgPool, worker: &str) {
    let gone = async {
        let alive = || query_scalar("SELECT worker_is_alive($1)").bind(worker);
        while alive().fetch_one(pool).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), gone).await.unwrap();
}

/// What a node does with the queue until it is empty: every second job is given
/// back the first time.
async fn work(node: Stores, worker: String, ended: Arc<std::sync::Mutex<Vec<JobId>>>) {
    while let Some(claim) = claim(&node, &worker, START).await {
        let fence = claim.fence;
        assert!(node.jobs.heartbeat(fence, START + LEASE).await.unwrap());
        if fence.attempt == 1 && fence.id.get() % 2 == 0 {
            assert!(node.jobs.release(fence).await.unwrap());
            continue;
        }
        assert!(node.jobs.enter(fence).await.unwrap());
        assert!(node.jobs.finish(fence, &success()).await.unwrap());
        ended.lock().unwrap().push(fence.id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_end_every_job_once() {
    let (nodes, key) = two_nodes().await;
    for number in 0..100 {
        insert(&nodes[number % 2], key, 999).await.unwrap();
    }
    let ended = Arc::default();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let node = nodes[number % 2].clone();
        tasks.spawn(work(node, format!("worker {number}"), Arc::clone(&ended)));
    }
    tasks.join_all().await;
    let ended = ended.lock().unwrap().clone();
    let different: HashSet<JobId> = ended.iter().copied().collect();
    assert_eq!((ended.len(), different.len()), (100, 100));
    assert_eq!(nodes[1].jobs.depth().await.unwrap(), 0);
    let uploads = nodes[0].deliveries.list(key, None, 999).await.unwrap();
    assert_eq!(uploads.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn limits_hold_for_both_nodes_together() {
    let (nodes, key) = two_nodes().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..40 {
        let node = nodes[number % 2].clone();
        tasks.spawn(async move {
            let now = Duration::from_secs(1_000);
            let counted = node.rate_limits.count(key, 12, now).await.unwrap();
            (insert(&node, key, 10).await.is_ok(), counted.is_ok())
        });
    }
    let taken = tasks.join_all().await;
    let queued = taken.iter().filter(|(queued, _)| *queued).count();
    let counted = taken.iter().filter(|(_, counted)| *counted).count();
    assert_eq!((queued, counted), (10, 12));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_nodes_that_begin_at_once_one_makes_the_first_key() {
    let (nodes, _) = two_nodes().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16 {
        let node = nodes[number % 2].clone();
        let key = NewKey {
            role: KeyRole::Admin,
            ..new_key(&format!("first {number}"))
        };
        tasks.spawn(async move { node.keys.insert_first(&key).await.unwrap().is_some() });
    }
    let made = tasks.join_all().await;
    assert_eq!(made.iter().filter(|made| **made).count(), 1, "{made:?}");
}

#[tokio::test]
async fn a_server_of_all_is_alone_on_its_database() {
    let source = new_database().await;
    let begin = async || stores(&source).await;
    let [alone, other] = [begin().await, begin().await];
    assert!(alone.nodes.join(NodeRole::All).await.unwrap());
    for role in NodeRole::ALL {
        assert!(!other.nodes.join(role).await.unwrap(), "{role:?}");
    }
    drop(alone);
    let third = begin().await;
    assert!(other.nodes.join(NodeRole::Worker).await.unwrap());
    assert!(third.nodes.join(NodeRole::Api).await.unwrap());
    assert!(!begin().await.nodes.join(NodeRole::All).await.unwrap());
}

#[tokio::test]
async fn a_server_keeps_its_place_though_its_connections_broke() {
    let source = new_database().await;
    let [alone, other] = [stores(&source).await, stores(&source).await];
    assert!(alone.nodes.join(NodeRole::All).await.unwrap());
    let pool = PgPool::connect(&source.url).await.unwrap();
    query(KILL).execute(&pool).await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let id = WorkerId::new("alone");
    let claimed = alone.jobs.claim(ClaimScope::Any, &id, START, START + LEASE);
    assert!(claimed.await.unwrap().is_none());
    assert!(!other.nodes.join(NodeRole::Api).await.unwrap());
}

#[tokio::test]
async fn a_lease_is_renewed_though_the_process_cannot_be_shown() {
    let (source, database) = database().await;
    let node = with_rights_of(NodeRole::All, &source, &database).await;
    let jobs = PostgresJobs::new(Database::connect(node.options().unwrap()).await.unwrap());
    let others = stores(&source).await;
    let key = others.keys.insert(&new_key("a")).await.unwrap().id;
    insert(&others, key, 9).await.unwrap();
    let one = WorkerId::new("one");
    let claimed = jobs.claim(ClaimScope::Any, &one, START, START + LEASE);
    let fence = claimed.await.unwrap().unwrap().fence;

    // One connection is left to the process, and it can open none.
    let name = node.url.split(['/', '@']).nth(2).unwrap();
    let close = AssertSqlSafe(format!("ALTER ROLE {name} NOLOGIN"));
    database.execute(query(close)).await.unwrap();
    database.execute(query(KILL_PRESENCE)).await.unwrap();
    tokio::time::sleep(CHECKED).await;
    let later = START + 2 * LEASE;
    assert!(jobs.heartbeat(fence, later).await.unwrap());
    let lease = query_scalar("SELECT lease_until FROM generations");
    let lease: i64 = lease.fetch_one(&database.pool).await.unwrap();
    assert_eq!(lease, later.as_millis());
}

#[tokio::test]
async fn a_server_that_has_lost_its_place_claims_nothing() {
    let source = new_database().await;
    let node = stores(&source).await;
    assert!(node.nodes.join(NodeRole::Worker).await.unwrap());
    let key = node.keys.insert(&new_key("a")).await.unwrap().id;
    for _ in 0..2 {
        insert(&node, key, 9).await.unwrap();
    }
    let running = claim(&node, "one", START).await.unwrap();

    // Another kind of server takes the place before the connection is there again.
    let mut other = PgConnection::connect(&source.url).await.unwrap();
    query(KILL_PRESENCE).execute(&mut other).await.unwrap();
    let take = || query_scalar::<_, bool>("SELECT pg_try_advisory_lock(1717658471, 1)");
    while !take().fetch_one(&mut other).await.unwrap() {}
    tokio::time::sleep(CHECKED).await;
    let id = WorkerId::new("one");
    let next = || node.jobs.claim(ClaimScope::Any, &id, START, START + LEASE);
    for _ in 0..2 {
        let error = next().await.unwrap_err().to_string();
        assert!(error.contains("another kind of server"), "{error}");
    }
    let kept = node.jobs.heartbeat(running.fence, START + LEASE).await;
    assert!(kept.unwrap(), "what it runs goes on");
    other.close().await.unwrap();
    let again = async { while next().await.is_err() {} };
    timeout(Duration::from_secs(30), again).await.unwrap();
}

#[tokio::test]
async fn what_postgres_cannot_hold_is_replaced() {
    let ([one, _], key) = two_nodes().await;
    let id = insert(&one, key, 9).await.unwrap();
    let failure = Failure {
        code: ErrorCode::Cancelled,
        message: "a\0b".into(),
    };
    let cancelled = one.jobs.cancel(key, id, &failure, START).await;
    assert!(cancelled.unwrap());
    let job = one.jobs.find(None, id).await.unwrap().unwrap();
    assert_eq!(job.failure.unwrap().message, "a\u{fffd}b");
}
