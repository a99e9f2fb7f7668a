//! Copies from files to a real server.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use facegen_core::JobState;
use facegen_core::job::JobId;
use facegen_core::key_limits::OwnLimits;
use facegen_core::store::{NodeRole, Stores};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, query_scalar};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::*;
use crate::SqliteStore;
use crate::postgres::PostgresStore;
use crate::postgres::tests::server::{Server, database};

/// Rows of every table, more than a batch of jobs and of photos, with the one character that
/// PostgreSQL does not take. The last numbers were given to rows that are gone.
const ROWS: &str = "
    INSERT INTO keys (name, role, hash, created_at, revoked_at, requests_per_minute, last_served)
    VALUES ('environment', 'admin', x'01', 1, NULL, NULL, 7), ('b', 'plain', x'02', 2, 3, 0, 0),
           ('c', 'plain', x'03', 2, NULL, 5, 0);
    WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers LIMIT 1300)
    INSERT INTO generations (id, key_id, state, request, face_url, file_prefix, base_url, webhook,
                             receiver, priority, cost, attempt, in_engine, claimed_by, created_at,
                             finished_at, failure_message, expires_at, upload)
    SELECT number, 1 + number % 3,
           CASE number % 4 WHEN 0 THEN 'queued' WHEN 1 THEN 'running' WHEN 2 THEN 'failed' ELSE 'succeeded' END,
           '{}', iif(number % 2, 'http://a.example/' || char(0) || 'ä', NULL), 'prefix ' || number, '',
           number % 5 = 0, iif(number % 5 = 0, 'a.example', NULL), number % 2, 1000000000000 + number,
           number % 3, number % 4 = 1, 'worker', number, iif(number % 4 > 1, number + 10, NULL),
           iif(number % 4 = 2, 'no', NULL), iif(number % 4 = 3, 99, NULL), number % 7 = 0
    FROM numbers;
    INSERT INTO job_presets SELECT id, 'demo' FROM generations WHERE state = 'running' LIMIT 10;
    INSERT INTO inputs SELECT id, randomblob(2000) FROM generations WHERE state = 'queued' LIMIT 30;
    INSERT INTO deliveries (name, generation_id, key_id, receiver, kind, state, attempt, run_at, body, created_at)
    SELECT 'delivery ' || id, id, key_id, 'a.example', 'webhook', 'queued', 2, 5, '{\"a\": 1}', 4
    FROM generations WHERE state = 'failed' LIMIT 20;
    INSERT INTO key_buckets VALUES (2, 'http://s3.example', 'r', 'd', 'http://c.example', x'aa', x'', 9);
    INSERT INTO idempotency SELECT key_id, 'name ' || (id * 7 % 100), x'0102', id, 8
    FROM generations WHERE state = 'failed' LIMIT 20;
    INSERT INTO uploads VALUES (1301, 3, 'upload', 12, 1, 2);
    UPDATE sqlite_sequence SET seq = 1310 WHERE name = 'generations';
    UPDATE sqlite_sequence SET seq = 40 WHERE name = 'keys';";

struct Filled {
    _directory: TempDir,
    file: PathBuf,
}

impl Filled {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("facegen.db");
        let filled = Self {
            _directory: directory,
            file,
        };
        filled.change(ROWS).await;
        filled
    }

    async fn change(&self, statements: &'static str) {
        let database = crate::sqlite::database::Database::open(&self.file).await;
        let database = database.unwrap();
        database.writer.pool().execute(statements).await.unwrap();
        database.close().await;
    }

    async fn copy(&self, to: &PostgresSource) -> Result<Vec<CopiedTable>, CopyError> {
        let copied = copy(&self.file, to, |_, _| ()).await;
        copied.map(|copied| copied.tables)
    }

    /// Copies until one of the tables has so many rows, and is cut there.
    async fn copy_until(&self, to: &PostgresSource, table: &str, rows: u64) {
        let reached = Arc::new(Notify::new());
        let copying = copy(&self.file, to, |name, count| {
            if (name, count) == (table, rows) {
                reached.notify_one();
            }
        });
        let (mut copying, cut) = (pin!(copying), Arc::clone(&reached));
        tokio::select! {
            biased;
            () = cut.notified() => {}
            copied = &mut copying => panic!("it was not cut: {copied:?}"),
        }
    }
}

fn numbers(tables: &[CopiedTable]) -> Vec<(&str, u64, u64)> {
    let tables = tables.iter();
    tables
        .map(|table| (table.name, table.rows, table.found))
        .collect()
}

async fn open(to: &PostgresSource) -> Stores {
    PostgresStore::open(to).await.unwrap().into_stores()
}

fn differs<T>(result: Result<T, CopyError>) -> (&'static str, i64) {
    match result {
        Err(CopyError::Differs { table, key }) => (table, key),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was taken"),
    }
}

const ALL: [(&str, u64, u64); 8] = [
    ("keys", 3, 0),
    ("generations", 1300, 0),
    ("job_presets", 10, 0),
    ("photos", 30, 0),
    ("deliveries", 20, 0),
    ("key_buckets", 1, 0),
    ("idempotency", 20, 0),
    ("uploads", 1, 0),
];

#[tokio::test]
async fn every_row_is_copied_once() {
    let (filled, to) = (Filled::new().await, Server::get().create().await);
    let copied = filled.copy(&to).await.unwrap();
    assert_eq!(numbers(&copied), ALL);
    let again = filled.copy(&to).await.unwrap();
    assert_eq!(
        numbers(&again),
        ALL.map(|(name, rows, _)| (name, rows, rows))
    );
    let hashes = |tables: &[CopiedTable]| -> BTreeSet<String> {
        tables.iter().map(|table| table.sha256.clone()).collect()
    };
    assert_eq!(hashes(&copied).len(), ALL.len());
    assert_eq!(hashes(&copied), hashes(&again));
}

#[tokio::test]
async fn the_stores_go_on_from_the_copied_rows() {
    let (filled, (to, database)) = (Filled::new().await, database().await);
    filled.copy(&to).await.unwrap();
    let stores = open(&to).await;
    let keys = stores.keys.list().await.unwrap();
    let limits = OwnLimits {
        requests_per_minute: Some(0),
        queue_share: None,
    };
    assert_eq!((keys.len(), keys[1].limits), (3, limits));
    let new = crate::sqlite::tests::new_key("d");
    assert_eq!(stores.keys.insert(&new).await.unwrap().id.get(), 41);
    let number = query_scalar("SELECT nextval('numbers')").fetch_one(&database.pool);
    let number: i64 = number.await.unwrap();
    assert_eq!(number, 1311);
    let url = "SELECT face_url FROM generations WHERE id = 1";
    let url: String = query_scalar(url).fetch_one(&database.pool).await.unwrap();
    assert_eq!(url, "http://a.example/\u{fffd}ä");
    let states = "SELECT count(*) FROM generations WHERE state = $1 AND webhook = (id % 5 = 0)";
    let states = query_scalar(states).bind(JobState::Running.as_str());
    let running: i64 = states.fetch_one(&database.pool).await.unwrap();
    assert_eq!(running, 325);
    let photo = stores.jobs.photo(JobId::new(4).unwrap()).await.unwrap();
    assert_eq!(photo.unwrap().bytes().len(), 2000);
}

#[tokio::test]
async fn a_copy_that_was_cut_is_continued() {
    for (table, rows) in [("keys", 3), ("generations", 1000), ("photos", 8)] {
        let (filled, to) = (Filled::new().await, Server::get().create().await);
        filled.copy_until(&to, table, rows).await;
        let copied = filled.copy(&to).await.unwrap();
        let total = |of: fn(&CopiedTable) -> u64| copied.iter().map(of).sum::<u64>();
        let found = copied.iter().find(|copied| copied.name == table).unwrap();
        // The statement that was on its way is executed or not.
        assert!(found.found >= rows, "{copied:?}");
        let all = ALL.iter().map(|(_, rows, _)| rows).sum();
        assert!(total(|table| table.found) < all, "{copied:?}");
        assert_eq!(total(|table| table.rows), all);
    }
}

#[tokio::test]
async fn a_row_that_was_changed_is_noticed() {
    for (change, expected) in [
        ("UPDATE keys SET role = 'admin' WHERE id = 2", ("keys", 2)),
        ("DELETE FROM uploads", ("uploads", 1301)),
        ("DELETE FROM photos WHERE generation_id = 20", ("photos", 20)),
        ("UPDATE photos SET image = image || 'a' WHERE generation_id = 120", ("photos", 120)),
        ("UPDATE generations SET link_base = 'http://other.example' WHERE id = 3", ("generations", 3)),
        ("UPDATE generations SET webhook = NOT webhook WHERE id = 1300", ("generations", 1300)),
        ("UPDATE idempotency SET created_at = 9 WHERE generation_id = 6", ("idempotency", 6)),
        (
            "INSERT INTO deliveries (name, generation_id, key_id, receiver, kind, state, run_at, created_at)
             VALUES ('new', 1, 1, '', 'upload', 'queued', 0, 0)",
            ("deliveries", 21),
        ),
    ] {
        let (filled, (to, database)) = (Filled::new().await, database().await);
        filled.copy(&to).await.unwrap();
        database.execute(sqlx::query(change)).await.unwrap();
        let result = filled.copy(&to).await;
        if change.starts_with("DELETE FROM uploads") {
            // What is missing behind the last row is taken for not yet copied.
            assert_eq!(result.unwrap().last().unwrap().found, 0);
        } else {
            assert_eq!(differs(result), expected, "{change}");
        }
    }
}

#[tokio::test]
async fn a_file_that_has_changed_since_is_noticed() {
    let (filled, to) = (Filled::new().await, Server::get().create().await);
    filled.copy_until(&to, "generations", 500).await;
    filled
        .change("UPDATE generations SET priority = 9 WHERE id IN (77, 1200)")
        .await;
    assert_eq!(differs(filled.copy(&to).await), ("generations", 77));
}

#[tokio::test]
async fn a_database_of_others_is_refused_and_left_alone() {
    let filled = Filled::new().await;
    let (to, other) = database().await;
    open(&to)
        .await
        .keys
        .insert(&crate::sqlite::tests::new_key("own"))
        .await
        .unwrap();
    assert_eq!(differs(filled.copy(&to).await), ("keys", 1));
    let keys: i64 = query_scalar("SELECT count(*) FROM keys")
        .fetch_one(&other.pool)
        .await
        .unwrap();
    assert_eq!(keys, 1);

    let to = Server::get().create().await;
    let connection = sqlx::PgConnection::connect(&to.url).await;
    let connection = &mut connection.unwrap();
    connection.execute("CREATE TABLE theirs ()").await.unwrap();
    let error = filled.copy(&to).await.unwrap_err();
    assert!(matches!(error, CopyError::OtherProgram), "{error}");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    let tables: i64 = query_scalar(tables).fetch_one(connection).await.unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_database_that_is_served_is_refused_and_one_that_is_copied_is_not_served() {
    let (filled, to) = (Filled::new().await, Server::get().create().await);
    let node = open(&to).await;
    assert!(node.nodes.join(NodeRole::Worker).await.unwrap());
    let error = filled.copy(&to).await.unwrap_err();
    assert!(matches!(error, CopyError::Served), "{error}");
    drop(node);
    let copied = async {
        loop {
            // The server notices a moment later that the node is gone.
            match copy(&filled.file, &to, |_, _| ()).await {
                Err(CopyError::Served) => {}
                copied => break copied.unwrap(),
            }
        }
    };
    let copied = copied.await;
    assert!(!open(&to).await.nodes.join(NodeRole::Api).await.unwrap());
    drop(copied);
    assert!(open(&to).await.nodes.join(NodeRole::Api).await.unwrap());
}

#[tokio::test]
async fn a_file_in_use_and_none_at_all_are_refused() {
    let (filled, to) = (Filled::new().await, Server::get().create().await);
    let server = SqliteStore::open_exclusive(&filled.file).await.unwrap();
    let error = filled.copy(&to).await.unwrap_err();
    assert!(
        matches!(error, CopyError::Store(StoreError::InUse(_))),
        "{error}"
    );
    drop(server);
    let missing = filled.file.with_file_name("none.db");
    let error = copy(&missing, &to, |_, _| ()).await.unwrap_err();
    assert!(matches!(error, CopyError::NoSource(_)), "{error}");
    assert!(!missing.exists());
}

#[tokio::test]
async fn every_column_of_every_table_is_copied() {
    let (filled, (_, database)) = (Filled::new().await, database().await);
    let file = SqliteStore::open(&filled.file).await.unwrap();
    for table in &TABLES {
        let ours: BTreeSet<String> = table
            .columns
            .iter()
            .map(|(name, _)| (*name).into())
            .collect();
        let here = format!("SELECT name FROM pragma_table_info('{}')", table.source);
        let here: Vec<String> = query_scalar(AssertSqlSafe(here))
            .fetch_all(file.readers())
            .await
            .unwrap();
        assert_eq!(BTreeSet::from_iter(here), ours, "{}", table.source);
        let there =
            "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1";
        let there: Vec<String> = query_scalar(there)
            .bind(table.name)
            .fetch_all(&database.pool)
            .await
            .unwrap();
        assert_eq!(BTreeSet::from_iter(there), ours, "{}", table.name);
    }
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let tables: Vec<String> = query_scalar(tables)
        .fetch_all(&database.pool)
        .await
        .unwrap();
    let mut tables = BTreeSet::from_iter(tables);
    for copied in &TABLES {
        assert!(tables.remove(copied.name));
    }
    let others = [
        "_sqlx_migrations",
        "installation",
        "nodes",
        "request_rates",
        "writer_probe",
    ];
    assert_eq!(tables, BTreeSet::from_iter(others.map(str::to_owned)));
}
