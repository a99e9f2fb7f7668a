//! The tables of an earlier and of a later version of the program.

use facegen_core::Clock as _;
use facegen_core::SystemClock;
use facegen_core::store::StoreError;
use sqlx::{AssertSqlSafe, query};

use super::server::{database, new_database, stores};
use crate::postgres::{PostgresSource, PostgresStore};

const LATER: &str = "
    INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
    VALUES (9999, 'later', TRUE, '', 0)";

#[tokio::test]
async fn tables_of_a_later_version_are_used_as_far_as_they_allow() {
    let (source, database) = database().await;
    database.execute(query(LATER)).await.unwrap();
    let schema = PostgresStore::schema(&source).await.unwrap();
    assert!(schema.is_usable() && schema.applied == 9999, "{schema:?}");
    stores(&source).await.health.close().await;

    let require = "UPDATE installation SET required_migration = 9999";
    database.execute(query(require)).await.unwrap();
    let schema = PostgresStore::schema(&source).await.unwrap();
    assert!(!schema.is_usable(), "{schema:?}");
    let error = PostgresStore::open(&source).await.unwrap_err();
    assert!(matches!(error, StoreError::Migrate(_)), "{error:?}");
    assert!(error.to_string().contains("migration 9999"), "{error}");
}

#[tokio::test]
async fn tables_of_another_program_are_refused() {
    let (source, database) = database().await;
    let change = "UPDATE _sqlx_migrations SET checksum = '' WHERE version = 2";
    database.execute(query(change)).await.unwrap();
    let schema = PostgresStore::schema(&source).await.unwrap();
    assert!(!schema.is_complete, "{schema:?}");
    let error = PostgresStore::open(&source).await.unwrap_err();
    assert!(matches!(error, StoreError::Migrate(_)), "{error:?}");
}

#[tokio::test]
async fn a_look_at_the_tables_makes_none() {
    let source = new_database().await;
    for _ in 0..2 {
        let schema = PostgresStore::schema(&source).await.unwrap();
        assert_eq!((schema.applied, schema.is_complete), (0, false));
    }
    let migrated = PostgresStore::migrate(&source).await.unwrap();
    assert!(migrated.is_usable(), "{migrated:?}");
    assert_eq!(migrated.applied, migrated.known);
    assert_eq!(PostgresStore::schema(&source).await.unwrap(), migrated);
}

#[tokio::test]
async fn a_role_that_may_make_no_tables_works_on_those_that_are_there() {
    let (source, database) = database().await;
    let role = format!("plain_{}", uuid::Uuid::new_v4().simple());
    for statement in [
        format!("CREATE ROLE {role} LOGIN"),
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"),
        format!("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"),
    ] {
        database
            .execute(query(AssertSqlSafe(statement)))
            .await
            .unwrap();
    }
    let plain = PostgresSource {
        url: source.url.replacen("postgres@", &format!("{role}@"), 1),
        password_file: None,
    };
    let node = PostgresStore::open(&plain).await.unwrap().into_stores();
    let key = crate::sqlite::tests::new_key("a");
    node.keys.insert(&key).await.unwrap();
    node.health.close().await;
    let empty = PostgresSource {
        url: new_database()
            .await
            .url
            .replacen("postgres@", &format!("{role}@"), 1),
        password_file: None,
    };
    // What is missing is still reported.
    let schema = PostgresStore::schema(&empty).await.unwrap();
    assert!(!schema.is_usable());
}

#[tokio::test]
async fn the_clock_is_that_of_the_database() {
    let (source, _) = database().await;
    let store = PostgresStore::open(&source).await.unwrap();
    let clock = store.clock();
    let (here, there) = (SystemClock.now(), clock.now());
    let apart = there.since(here).max(here.since(there));
    assert!(apart.as_secs() < 5, "both are of this machine: {apart:?}");
    let before = clock.now();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert!(clock.now().since(before).as_millis() >= 20);
}
