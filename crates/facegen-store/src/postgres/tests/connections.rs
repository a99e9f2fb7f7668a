//! How a database is opened, and what is heard of one that fails.

use std::time::Duration;

use facegen_core::JobState;
use facegen_core::store::{Event, StoreError, StoreFault, StoreHealth as _};
use futures_util::FutureExt as _;
use sqlx::query;
use tokio::time::timeout;

use super::nodes::{LEASE, START, claim, insert, success};
use super::server::{Server, database, new_database, stores};
use crate::postgres::database::{Database, LOCKS, Lock};
use crate::postgres::health::PostgresHealth;
use crate::postgres::{PostgresSource, PostgresStore};
use crate::sqlite::tests::new_key;

const TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_make_the_tables_once() {
    let source = new_database().await;
    let mut starting = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let source = source.clone();
        starting.spawn(async move { PostgresStore::open(&source).await.map(drop) });
    }
    for started in starting.join_all().await {
        started.unwrap();
    }
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let server = Server::get();
    let create = "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0";
    let pool = sqlx::PgPool::connect(&server.url("postgres"))
        .await
        .unwrap();
    query(create).execute(&pool).await.unwrap();
    let source = PostgresSource {
        url: server.url("latin"),
        password_file: None,
    };
    let error = PostgresStore::open(&source).await.unwrap_err();
    assert!(error.to_string().contains("UTF8"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_typed_error() {
    let source = PostgresSource {
        url: "postgres://facegen@127.0.0.1:1/facegen?sslmode=disable".into(),
        password_file: None,
    };
    let error = PostgresStore::open(&source).await.unwrap_err();
    assert!(matches!(error, StoreError::Database(_)), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
}

/// A database over TCP, by the name that the certificate has.
async fn over_tls(parameters: &str) -> Result<PostgresStore, StoreError> {
    let server = Server::get();
    let source = server.create().await;
    let database = source.url.split(['/', '?']).nth(3).unwrap();
    PostgresStore::open(&PostgresSource {
        url: format!(
            "postgres://postgres@localhost:{}/{database}?{parameters}",
            server.port()
        ),
        password_file: None,
    })
    .await
}

#[tokio::test]
async fn a_certificate_counts_when_its_authority_is_known() {
    let certificate = Server::get().certificate();
    let known = format!("sslmode=verify-full&sslrootcert={}", certificate.display());
    let store = over_tls(&known).await.unwrap();
    let encrypted = "SELECT count(*) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";
    let row = store.database.one(query(encrypted)).await.unwrap();
    assert_eq!(sqlx::Row::get::<i64, _>(&row, 0), 1);
    let unknown = over_tls("sslmode=verify-full").await.unwrap_err();
    assert!(unknown.to_string().contains("certificate"), "{unknown}");
}

#[tokio::test]
async fn a_frozen_process_keeps_a_lock_for_some_seconds_only() {
    let (source, process) = database().await;
    let frozen = process.begin_locked(Lock::JobClaim).await.unwrap();
    let other = Database::connect(source.options().unwrap()).await.unwrap();
    let next = timeout(TIMEOUT, other.begin_locked(Lock::JobClaim)).await;
    next.unwrap().unwrap();
    frozen
        .commit()
        .await
        .expect_err("it was ended by the server");
}

#[tokio::test]
async fn those_who_wait_for_a_lock_leave_connections_to_others() {
    let source = new_database().await;
    let node = stores(&source).await;
    let key = node.keys.insert(&new_key("a")).await.unwrap().id;
    let other = Database::connect(source.options().unwrap()).await.unwrap();
    let held = other.begin_locked(Lock::Intake).await.unwrap();
    let mut inserting = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let node = node.clone();
        inserting.spawn(async move { insert(&node, key, 99).await.unwrap() });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let found = timeout(Duration::from_secs(1), node.keys.find(key)).await;
    assert!(found.expect("a connection is free").unwrap().is_some());
    held.commit().await.unwrap();
    assert_eq!(inserting.join_all().await.len(), 20);
}

/// Those who wait for a lock and have written a photo.
const SENT: &str = "
    SELECT count(*) FROM pg_locks AS waits JOIN pg_locks AS wrote USING (pid)
    WHERE waits.locktype = 'advisory' AND NOT waits.granted
      AND wrote.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND wrote.relation = 'photos'::regclass AND wrote.mode = 'RowExclusiveLock'";

#[tokio::test]
async fn a_photo_is_sent_before_the_lock_is_waited_for() {
    let source = new_database().await;
    let node = stores(&source).await;
    let key = node.keys.insert(&new_key("a")).await.unwrap().id;
    let other = sqlx::PgPool::connect(&source.url).await.unwrap();
    let mut held = other.begin().await.unwrap();
    let lock = query("SELECT pg_advisory_xact_lock($1, $2)");
    let lock = lock.bind(LOCKS).bind(Lock::Intake as i32);
    lock.execute(&mut *held).await.unwrap();
    let inserting = tokio::spawn({
        let node = node.clone();
        async move { insert(&node, key, 9).await.unwrap() }
    });
    let sent = async {
        let sent = || sqlx::query_scalar::<_, i64>(SENT).fetch_one(&other);
        while sent().await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(5), sent).await.unwrap();
    held.rollback().await.unwrap();
    let id = inserting.await.unwrap();
    assert!(node.jobs.photo(id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_job_that_is_refused_uses_up_no_number() {
    let (source, database) = database().await;
    let node = stores(&source).await;
    let key = node.keys.insert(&new_key("a")).await.unwrap().id;
    let first = insert(&node, key, 1).await.unwrap();
    for _ in 0..3 {
        insert(&node, key, 1).await.unwrap_err();
    }
    let photos = query("SELECT count(*) FROM photos");
    let photos = database.one(photos).await.unwrap();
    assert_eq!(sqlx::Row::get::<i64, _>(&photos, 0), 1);
    assert_eq!(insert(&node, key, 2).await.unwrap().get(), first.get() + 1);
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_a_fault() {
    let (source, database) = database().await;
    let health = PostgresHealth(database.clone());
    for in_doubt in [false, true] {
        assert_eq!(health.check(in_doubt).await, None);
    }
    let name = source.url.split(['/', '?']).nth(3).unwrap();
    let read_only = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    database
        .execute(query(sqlx::AssertSqlSafe(read_only)))
        .await
        .unwrap();
    // As a standby says it, to each new connection.
    let pool = sqlx::PgPool::connect(&source.url).await.unwrap();
    let standby = PostgresHealth(Database::on(pool));
    assert_eq!(standby.check(false).await, Some(StoreFault::Unwritable));
}

const KILL_THE_OTHERS: &str = "
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test]
async fn a_connection_that_breaks_casts_doubt_and_is_replaced() {
    let (source, database) = database().await;
    let other = sqlx::PgPool::connect(&source.url).await.unwrap();
    let sleep = database.execute(query("SELECT pg_sleep(30)"));
    let kill = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        query(KILL_THE_OTHERS).execute(&other).await.unwrap();
    };
    let (slept, ()) = tokio::join!(sleep, kill);
    slept.unwrap_err();
    timeout(TIMEOUT, database.doubted()).await.unwrap();
    let health = PostgresHealth(database.clone());
    assert_eq!(health.check(true).await, None);
    database.execute(query("SELECT 1")).await.unwrap();
    assert!(database.doubted().now_or_never().is_none());
    database.execute(query("SELECT 1 / 0")).await.unwrap_err();
    assert!(
        database.doubted().now_or_never().is_none(),
        "what it says is wrong"
    );
}

#[tokio::test]
async fn work_goes_on_after_the_server_has_crashed() {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    let source = server.create().await;
    let [one, other] = [stores(&source).await, stores(&source).await];
    let key = one.keys.insert(&new_key("a")).await.unwrap().id;
    let id = insert(&one, key, 9).await.unwrap();
    let claim = claim(&one, "one", START).await.unwrap();
    let mut events = other.events.subscribe();
    server.crash();
    assert_eq!(
        timeout(TIMEOUT, events.next()).await.unwrap(),
        Event::Missed
    );
    let heartbeat = async {
        loop {
            match one.jobs.heartbeat(claim.fence, START + LEASE).await {
                Ok(is_ours) => break is_ours,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    };
    assert!(timeout(TIMEOUT, heartbeat).await.unwrap());
    assert_eq!(one.health.check(true).await, None);
    assert!(one.jobs.finish(claim.fence, &success()).await.unwrap());
    let job = other.jobs.find(None, id).await.unwrap().unwrap();
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 1));
    one.events.publish(Event::JobEnded(id));
    let ended = async { while events.next().await != Event::JobEnded(id) {} };
    timeout(TIMEOUT, ended).await.unwrap();
}

#[tokio::test]
async fn what_is_asked_of_closed_stores_is_refused() {
    let source = new_database().await;
    let stores = stores(&source).await;
    timeout(TIMEOUT, stores.health.close()).await.unwrap();
    let closed = stores.keys.list().await.unwrap_err();
    assert!(matches!(closed, StoreError::Database(_)), "{closed:?}");
}
