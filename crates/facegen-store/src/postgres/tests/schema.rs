//! The tables of an earlier and of a later version of the program.

use facegen_core::Clock as _;
use facegen_core::JobState;
use facegen_core::SystemClock;
use facegen_core::store::{DeadWorkers, NodeRole, StoreError};
use sqlx::{AssertSqlSafe, query};

use super::nodes::{LEASE, START, claim, insert, success};
use super::server::{database, new_database, stores};
use crate::postgres::database::Database;
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

/// Makes a role with the rights of nodes, and returns the database as it sees it.
pub(super) async fn with_rights_of(
    role: NodeRole,
    source: &PostgresSource,
    database: &Database,
) -> PostgresSource {
    let name = format!("node_{}", uuid::Uuid::new_v4().simple());
    let create = format!("CREATE ROLE {name} LOGIN");
    let create = database.execute(query(AssertSqlSafe(create))).await;
    create.unwrap();
    PostgresStore::grant(source, role, &name).await.unwrap();
    seen_by(&name, source)
}

fn seen_by(name: &str, source: &PostgresSource) -> PostgresSource {
    PostgresSource {
        url: source.url.replacen("postgres@", &format!("{name}@"), 1),
        password_file: None,
    }
}

/// What a role is refused that runs this.
async fn refused(source: &PostgresSource, statement: &'static str) -> String {
    let pool = sqlx::PgPool::connect(&source.url).await.unwrap();
    let error = query(statement).execute(&pool).await.unwrap_err();
    error.to_string()
}

#[tokio::test]
async fn each_role_does_its_work_with_its_own_rights_and_nothing_else() {
    let (source, database) = database().await;
    let revoke = "REVOKE CREATE ON SCHEMA public FROM PUBLIC";
    database.execute(query(revoke)).await.unwrap();
    let api_source = with_rights_of(NodeRole::Api, &source, &database).await;
    let worker_source = with_rights_of(NodeRole::Worker, &source, &database).await;
    let (api, worker) = (stores(&api_source).await, stores(&worker_source).await);

    let key = crate::sqlite::tests::new_key("a");
    let key = api.keys.insert(&key).await.unwrap().id;
    assert!(worker.nodes.join(NodeRole::Worker).await.unwrap());
    for expected in [JobState::Succeeded, JobState::Queued] {
        let id = insert(&api, key, 9).await.unwrap();
        let claimed = claim(&worker, "worker", START).await.unwrap();
        assert!(worker.jobs.photo(id).await.unwrap().is_some());
        assert!(worker.jobs.enter(claimed.fence).await.unwrap());
        if expected == JobState::Succeeded {
            let finished = worker.jobs.finish(claimed.fence, &success()).await;
            assert!(finished.unwrap());
            assert!(api.jobs.photo(id).await.unwrap().is_none(), "a trigger");
        } else {
            let late = START + LEASE + std::time::Duration::from_millis(1);
            let reclaimed = worker.jobs.reclaim(&DeadWorkers::Expired, 3, late).await;
            assert_eq!(reclaimed.unwrap().requeued, [id]);
        }
        let job = api.jobs.find(None, id).await.unwrap().unwrap();
        assert_eq!(job.state, expected);
    }
    let uploads = api.deliveries.list(key, None, 9).await.unwrap();
    assert_eq!(uploads.len(), 1, "a trigger adds it");
    assert_eq!(worker.health.check(true).await, None);

    for statement in [
        "SELECT hash FROM keys",
        "SELECT * FROM keys",
        "UPDATE keys SET role = 'admin'",
        "UPDATE generations SET key_id = 2",
        "INSERT INTO generations SELECT * FROM generations",
        "DELETE FROM photos",
        "INSERT INTO deliveries DEFAULT VALUES",
        "SELECT * FROM idempotency",
        "UPDATE installation SET required_migration = 0",
        "CREATE TABLE more (id BIGINT)",
    ] {
        let error = refused(&worker_source, statement).await;
        assert!(error.contains("permission denied"), "{statement}: {error}");
    }
    for statement in ["CREATE TABLE more (id BIGINT)", "DROP TABLE keys"] {
        let error = refused(&api_source, statement).await;
        let is_refused = error.contains("permission denied") || error.contains("must be owner");
        assert!(is_refused, "{statement}: {error}");
    }
    // A trigger of its own would write with the rights of the owner.
    let own = "CREATE TEMPORARY TABLE own (state TEXT, id BIGINT)";
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1);
    let pool = pool.connect(&worker_source.url).await.unwrap();
    query(own).execute(&pool).await.unwrap();
    let trigger =
        "CREATE TRIGGER t AFTER INSERT ON own FOR EACH ROW EXECUTE FUNCTION generations_end()";
    let error = query(trigger).execute(&pool).await.unwrap_err().to_string();
    assert!(error.contains("permission denied"), "{error}");
}

#[tokio::test]
async fn a_role_that_may_make_no_tables_learns_what_is_missing() {
    let (source, database) = database().await;
    let plain = with_rights_of(NodeRole::Api, &source, &database).await;
    let (_, rest) = plain.url.split_once("://").unwrap();
    let (name, _) = rest.split_once('@').unwrap();
    let empty = seen_by(name, &new_database().await);
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
