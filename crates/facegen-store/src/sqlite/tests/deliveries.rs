//! Deliveries of keys with many of them.

use facegen_core::Timestamp;
use facegen_core::key::KeyId;
use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;
use tempfile::TempDir;

use super::super::deliveries::{BY_NAME, CLAIM_AGAIN, CLAIM_FIRST, LIST};
use super::*;

const KEYS: &str = "INSERT INTO keys (id, name, role, hash, created_at)
    VALUES (1, 'a', 'plain', x'01', 0), (2, 'b', 'plain', x'02', 0)";

/// Adds this many ended jobs of the first key, with a webhook each.
const JOBS: &str = "
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
    INSERT INTO generations
        (key_id, state, request, file_prefix, base_url, webhook, priority, cost, created_at)
    SELECT 1, 'running', '{\"webhook\":\"HTTPS://Hooks.example:8443?job=' || n || '\"}', n, '', 1, 0, 1, 0
    FROM numbers";

const END: &str = "UPDATE generations SET state = 'failed', finished_at = id";

async fn store() -> (Database, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = Database::open(&directory.path().join("jobs.sqlite")).await;
    (store.unwrap(), directory)
}

async fn fill(pool: &SqlitePool, jobs: u32) {
    sqlx::query(KEYS).execute(pool).await.unwrap();
    sqlx::query(JOBS).bind(jobs).execute(pool).await.unwrap();
    sqlx::query(END).execute(pool).await.unwrap();
}

/// Returns SQLite's plan for a statement, a line for each step.
async fn plan(store: &Database, statement: &'static str) -> Vec<String> {
    let explained = format!("EXPLAIN QUERY PLAN {statement}");
    let rows = sqlx::query(sqlx::AssertSqlSafe(explained));
    let rows = rows.fetch_all(&store.writer).await.unwrap();
    rows.iter()
        .map(|row| row.try_get("detail").unwrap())
        .collect()
}

#[tokio::test]
async fn the_deliveries_of_a_key_are_found_by_an_index_and_never_sorted() {
    let (store, _directory) = store().await;
    assert_eq!(
        plan(&store, LIST).await,
        ["SEARCH deliveries USING INDEX deliveries_key (key_id=? AND id<?)"]
    );
    let by_name = plan(&store, BY_NAME).await;
    assert!(
        by_name.len() == 1 && by_name[0].ends_with("(name=?)"),
        "{by_name:?}"
    );
}

#[tokio::test]
async fn the_next_delivery_is_found_without_reading_all() {
    let (store, _directory) = store().await;
    for (statement, index) in [
        (CLAIM_FIRST, "deliveries_first"),
        (CLAIM_AGAIN, "deliveries_again"),
    ] {
        let plan = plan(&store, statement).await;
        for bounds in ["", " AND receiver>?", " AND receiver=? AND run_at<?"] {
            let step =
                format!("SEARCH deliveries USING INDEX {index} (kind=? AND key_id=?{bounds})");
            let covering = step.replace("USING INDEX", "USING COVERING INDEX");
            assert!(
                plan.contains(&step) || plan.contains(&covering),
                "{step}: {plan:#?}"
            );
        }
        let scans = plan.iter().filter(|step| step.starts_with("SCAN"));
        let long: Vec<_> = scans
            .filter(|step| !step.contains("json_each") && *step != "SCAN receivers")
            .collect();
        assert_eq!(long, ["SCAN keys USING COVERING INDEX keys_delivery_turn"]);
    }
}

#[tokio::test]
async fn a_key_with_many_deliveries_has_its_latest_page_and_no_other_keys() {
    let (store, _directory) = store().await;
    fill(store.writer.pool(), 1_000).await;
    let deliveries = stores(&store).deliveries;
    let key = KeyId::new(1);
    let numbers = async |before, limit| -> Vec<i64> {
        let page = deliveries.list(key, before, limit).await.unwrap();
        page.iter().map(|delivery| delivery.number).collect()
    };
    assert_eq!(numbers(None, 2).await, [1_000, 999]);
    assert_eq!(numbers(Some(500), 3).await, [499, 498, 497]);
    let latest = deliveries.list(key, None, 1).await.unwrap().remove(0);
    let other = KeyId::new(2);
    assert!(deliveries.list(other, None, 100).await.unwrap().is_empty());
    let found = deliveries.find(key, &latest.name).await.unwrap();
    assert_eq!(found, Some(latest.clone()));
    assert_eq!(deliveries.find(other, &latest.name).await.unwrap(), None);
    let now = Timestamp::from_millis(0);
    assert!(!deliveries.replay(other, &latest.name, now).await.unwrap());
}

#[tokio::test]
async fn former_rows_get_their_key_and_their_receiver() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("jobs.sqlite");
    file::ensure_database(&database).unwrap();
    let all = sqlx::migrate!("./migrations");
    let before = all.iter().filter(|step| step.version < 9).cloned();
    let before = sqlx::migrate::Migrator::with_migrations(before.collect());
    let old = pool_options(1)
        .connect_with(options(&database))
        .await
        .unwrap();
    before.run(&old).await.unwrap();
    fill(&old, 3).await;
    for statement in [
        "UPDATE deliveries SET kind = 'upload' WHERE id = 2",
        "INSERT INTO generations
             (key_id, state, request, file_prefix, base_url, webhook, priority, cost, created_at)
         VALUES (2, 'running', 'no json', 'x', '', 1, 0, 1, 0)",
    ] {
        sqlx::query(statement).execute(&old).await.unwrap();
    }
    old.close().await;

    let store = Database::open(&database).await.unwrap();
    sqlx::query("UPDATE generations SET state = 'failed', finished_at = 9 WHERE id = 4")
        .execute(&store.writer)
        .await
        .unwrap();
    let rows: Vec<(i64, String)> =
        sqlx::query_as("SELECT key_id, receiver FROM deliveries ORDER BY id")
            .fetch_all(&store.readers)
            .await
            .unwrap();
    let expected = [
        (1, "hooks.example:8443"),
        (1, "bucket of key 1"),
        (1, "hooks.example:8443"),
        (2, ""),
    ];
    assert_eq!(rows, expected.map(|(key, text)| (key, text.to_owned())));
}
