//! The lock and the file of the database.

mod deliveries;
mod former;
mod housekeeping;

use std::time::Duration;

use facegen_core::Timestamp;
use facegen_core::key::{Key, KeyRole};
use facegen_core::key_limits::OwnLimits;
use facegen_core::store::NewKey;

use super::database::options;
use super::writer::pool_options;
use super::*;
use crate::conformance;

/// Returns the stores on these connections.
pub(super) fn stores(database: &Database) -> Stores {
    let store = SqliteStore {
        database: database.clone(),
        lock: None,
    };
    store.into_stores()
}

/// A key before it is a row; its hash is made of its name.
pub(crate) fn new_key(name: &str) -> NewKey {
    let mut hash = [0; 32];
    for (byte, letter) in hash.iter_mut().zip(name.bytes()) {
        *byte = letter;
    }
    NewKey {
        name: name.to_owned(),
        role: KeyRole::Plain,
        hash,
        limits: OwnLimits::default(),
        created_at: Timestamp::from_millis(0),
    }
}

/// Inserts a new key.
pub(super) async fn key(stores: &Stores, name: &str) -> Key {
    stores.keys.insert(&new_key(name)).await.unwrap()
}

#[tokio::test]
async fn a_file_that_is_no_database_is_a_typed_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jobs.sqlite");
    std::fs::write(
        &path,
        "this is not a database, but long enough to be read".repeat(100),
    )
    .unwrap();
    let error = Database::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Database(_)), "{error:?}");
    let error = Database::open(directory.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Database(_)), "{error:?}");
    let error = DirectoryLock::acquire(&path.join("below a file")).unwrap_err();
    assert!(matches!(error, StoreError::File { .. }), "{error:?}");
}

#[tokio::test]
async fn the_log_is_not_truncated_while_a_reader_uses_it() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("jobs.sqlite");
    let options = options(&database).busy_timeout(Duration::ZERO);
    file::ensure_database(&database).unwrap();
    let database = Database::connect(&database, options).await.unwrap();
    let stores = stores(&database);
    key(&stores, "a").await;
    let mut reader = database.readers.begin().await.unwrap();
    let read = sqlx::query("SELECT count(*) FROM keys");
    read.fetch_one(&mut *reader).await.unwrap();
    key(&stores, "b").await;
    assert!(!stores.housekeeping.compact().await.unwrap());
    reader.rollback().await.unwrap();
    assert!(stores.housekeeping.compact().await.unwrap());
}

#[tokio::test]
async fn a_deleted_photo_is_not_left_in_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let store = Database::open(&directory.path().join("jobs.sqlite"))
        .await
        .unwrap();
    for sql in [
        "INSERT INTO keys (id, name, role, hash, created_at) VALUES (1, 'a', 'plain', x'00', 0)",
        "INSERT INTO generations (id, key_id, state, request, file_prefix, base_url, webhook, priority, cost, created_at)
         VALUES (1, 1, 'queued', '', '', '', 0, 0, 0, 0)",
        "INSERT INTO inputs VALUES (1, CAST('the face of a person' AS BLOB))",
        "UPDATE generations SET state = 'cancelled', finished_at = 0 WHERE id = 1",
    ] {
        sqlx::query(sql).execute(&store.writer).await.unwrap();
    }
    stores(&store).housekeeping.compact().await.unwrap();
    let files = std::fs::read_dir(directory.path()).unwrap();
    for path in files.map(|file| file.unwrap().path()) {
        let bytes = std::fs::read(&path).unwrap();
        let needle = b"the face of a person";
        let found = bytes.windows(needle.len()).any(|part| part == needle);
        assert!(!found, "{}", path.display());
    }
}

/// Returns the permissions of a file or directory.
#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_database() {
    let outer = tempfile::tempdir().unwrap();
    let directory = outer.path().join("data");
    let database = directory.join("jobs.sqlite");
    let opened = Database::open(&database).await.unwrap();
    key(&stores(&opened), "phone").await;
    assert_eq!(mode(&directory), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        let file = directory.join(format!("jobs.sqlite{suffix}"));
        assert_eq!(mode(&file), 0o600, "{suffix}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_directory_or_database_that_is_there_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("jobs.sqlite");
    drop(Database::open(&database).await.unwrap());
    let group = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(directory.path(), group(0o750)).unwrap();
    std::fs::set_permissions(&database, group(0o640)).unwrap();
    let _lock = DirectoryLock::acquire(&database).unwrap();
    Database::open(&database).await.unwrap();
    assert_eq!((mode(directory.path()), mode(&database)), (0o750, 0o640));
}

#[tokio::test]
async fn what_waited_before_there_were_buckets_still_does() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("jobs.sqlite");
    file::ensure_database(&database).unwrap();
    let all = sqlx::migrate!("./migrations");
    let first = all.iter().take(1).cloned().collect();
    let old = pool_options(1).connect_with(options(&database));
    let old = old.await.unwrap();
    sqlx::migrate::Migrator::with_migrations(first)
        .run(&old)
        .await
        .unwrap();
    for statement in [
        "INSERT INTO keys (name, role, hash, created_at) VALUES ('a', 'plain', x'00', 0)",
        "INSERT INTO generations
             (key_id, state, request, file_prefix, base_url, webhook, priority, cost, created_at)
         VALUES (1, 'running', '{}', 'a', '', 1, 0, 1, 0), (1, 'running', '{}', 'b', '', 1, 0, 1, 0)",
        "UPDATE generations SET state = 'failed', finished_at = 7 WHERE id = 1",
    ] {
        sqlx::query(statement).execute(&old).await.unwrap();
    }
    old.close().await;

    let store = Database::open(&database).await.unwrap();
    let end =
        "UPDATE generations SET state = 'succeeded', finished_at = 8, upload = 1 WHERE id = 2";
    sqlx::query(end).execute(&store.writer).await.unwrap();
    let rows: Vec<(i64, String, i64)> =
        sqlx::query_as("SELECT generation_id, kind, run_at FROM deliveries ORDER BY id")
            .fetch_all(&store.readers)
            .await
            .unwrap();
    let row = |job, kind: &str, run_at| (job, kind.to_owned(), run_at);
    let expected = [
        row(1, "webhook", 7),
        row(2, "webhook", 8),
        row(2, "upload", 5_008),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn the_lock_shows_how_the_previous_process_ended() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("jobs.sqlite");
    let (lock, death) = DirectoryLock::acquire(&database).unwrap();
    assert_eq!(death, Death::Unknown);
    lock.note_death_from_inside();
    drop(lock);
    // Also after a process in between that did nothing.
    for _ in 0..2 {
        assert_eq!(
            DirectoryLock::acquire(&database).unwrap().1,
            Death::FromInside
        );
    }
    DirectoryLock::acquire(&database).unwrap().0.forget_death();
    assert_eq!(DirectoryLock::acquire(&database).unwrap().1, Death::Unknown);
}

#[cfg(unix)]
#[test]
fn the_lock_is_private_and_follows_no_link() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("jobs.sqlite");
    let path = directory.path().join("jobs.sqlite.lock");
    drop(DirectoryLock::acquire(&database).unwrap());
    assert_eq!(mode(&path), 0o600);
    std::fs::remove_file(&path).unwrap();
    let elsewhere = directory.path().join("elsewhere");
    std::fs::write(&elsewhere, "not ours").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let error = DirectoryLock::acquire(&database).unwrap_err();
    assert!(matches!(error, StoreError::File { .. }), "{error:?}");
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"not ours");
}

#[test]
fn a_lock_that_was_removed_is_taken_again_unless_another_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("jobs.sqlite");
    let path = directory.path().join("jobs.sqlite.lock");
    let (mut lock, _) = DirectoryLock::acquire(&database).unwrap();
    lock.keep().unwrap();
    std::fs::remove_file(&path).unwrap();
    lock.keep().unwrap();
    let second = DirectoryLock::acquire(&database).unwrap_err();
    assert!(matches!(second, StoreError::InUse(_)), "{second:?}");
    std::fs::remove_file(&path).unwrap();
    let other = DirectoryLock::acquire(&database).unwrap();
    assert!(matches!(lock.keep(), Err(StoreError::InUse(_))));
    drop(other);
    lock.keep().unwrap();
}

#[tokio::test]
async fn sqlite_conforms() {
    conformance::all(async || {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("jobs.sqlite");
        let store = SqliteStore::open_exclusive(&database);
        conformance::Fresh {
            stores: store.await.unwrap().into_stores(),
            _keep: directory,
        }
    })
    .await;
}
