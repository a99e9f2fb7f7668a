//! Keys, the lock and the file of the database.

mod deliveries;

use std::sync::Arc;

use facegen_core::fake::ManualClock;
use facegen_core::redact::Secret;
use tempfile::TempDir;

use super::*;
use crate::key::{KeyId, KeyRole};
use crate::key_limits::{KeyLimits, OwnLimits};

async fn keys() -> (Keys, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new());
    let keys = Keys::open(&folder.path().join("jobs.sqlite"), clock).await;
    (keys.unwrap(), folder)
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.into())
}

#[tokio::test]
async fn a_made_key_is_recognised_until_it_is_revoked() {
    let (keys, _folder) = keys().await;
    assert!(!keys.has_admin().await.unwrap());
    let (key, text) = keys.create("phone", KeyRole::Plain).await.unwrap();
    let (other, other_text) = keys.create("phone", KeyRole::Admin).await.unwrap();
    assert!(text.expose().starts_with("fg_") && text.expose().len() == 35);
    assert_ne!(text.expose(), other_text.expose());
    assert_eq!(keys.authenticate(&text).await.unwrap(), Some(key.clone()));
    assert_eq!(
        keys.authenticate(&other_text).await.unwrap(),
        Some(other.clone())
    );
    assert_eq!(
        keys.authenticate(&secret("fg_unknown")).await.unwrap(),
        None
    );
    assert_eq!(keys.authenticate(&secret("")).await.unwrap(), None);

    assert!(keys.revoke(key.id).await.unwrap());
    assert!(!keys.revoke(key.id).await.unwrap());
    assert!(!keys.revoke(KeyId::new(99)).await.unwrap());
    assert_eq!(keys.authenticate(&text).await.unwrap(), None);
    assert!(keys.authenticate(&other_text).await.unwrap().is_some());
    let list = keys.list().await.unwrap();
    assert_eq!(list.len(), 2);
    assert!(list[0].revoked_at.is_some() && list[1] == other);
    assert!(keys.has_admin().await.unwrap());
    assert!(keys.revoke(other.id).await.unwrap());
    assert!(!keys.has_admin().await.unwrap());
}

#[tokio::test]
async fn limits_are_kept_with_the_key() {
    let (keys, _folder) = keys().await;
    let limits = OwnLimits {
        requests_per_minute: Some(60),
        queue_share: None,
    };
    let (key, text) = keys
        .create_limited("phone", KeyRole::Plain, limits)
        .await
        .unwrap();
    assert_eq!(key.limits, limits);
    let server = KeyLimits {
        requests_per_minute: 10,
        queue_share: 5,
        ..KeyLimits::default()
    };
    let of_both = KeyLimits {
        requests_per_minute: 60,
        queue_share: 5,
        ..KeyLimits::default()
    };
    assert_eq!(key.limits.or(server), of_both);
    let none = OwnLimits {
        queue_share: Some(0),
        ..OwnLimits::default()
    };
    let changed = keys.set_limits(key.id, none).await.unwrap().unwrap();
    assert_eq!(changed.limits, none);
    assert_eq!(changed.limits.or(server).queue_share, 0, "none of its own");
    let known = keys.authenticate(&text).await.unwrap();
    assert_eq!(known, Some(changed.clone()));
    assert_eq!(keys.find(key.id).await.unwrap(), Some(changed));
    let unknown = KeyId::new(99);
    assert_eq!(keys.find(unknown).await.unwrap(), None);
    assert_eq!(keys.set_limits(unknown, none).await.unwrap(), None);
}

#[tokio::test]
async fn the_key_of_the_environment_can_change_and_keeps_its_row() {
    let (keys, _folder) = keys().await;
    let first = keys.ensure_environment_key(&secret("first")).await.unwrap();
    assert_eq!(
        (first.name.as_str(), first.role),
        ("environment", KeyRole::Admin)
    );
    let again = keys.ensure_environment_key(&secret("first")).await.unwrap();
    assert_eq!(again, first);
    let second = keys
        .ensure_environment_key(&secret("second"))
        .await
        .unwrap();
    assert_eq!(second, first, "its jobs stay its own");
    assert_eq!(keys.authenticate(&secret("first")).await.unwrap(), None);
    assert_eq!(
        keys.authenticate(&secret("second")).await.unwrap(),
        Some(second)
    );
    let reserved = keys.create("environment", KeyRole::Plain).await;
    assert!(matches!(reserved, Err(KeyError::ReservedName)));
    assert_eq!(keys.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_environment_gives_no_key_new_rights() {
    let (keys, _folder) = keys().await;
    let (_, plain) = keys.create("phone", KeyRole::Plain).await.unwrap();
    let (admin, admin_text) = keys.create("me", KeyRole::Admin).await.unwrap();
    let refused = keys.ensure_environment_key(&plain).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the key of the environment is the text of a plain key, give another one"
    );
    let same = keys.ensure_environment_key(&admin_text).await.unwrap();
    assert_eq!(same, admin);
    let environment = keys
        .ensure_environment_key(&secret("environment key"))
        .await
        .unwrap();
    assert!(keys.revoke(environment.id).await.unwrap());
    let refused = keys
        .ensure_environment_key(&secret("environment key"))
        .await;
    assert!(matches!(
        refused,
        Err(KeyError::UnusableEnvironmentKey("text of a revoked key"))
    ));
    let replaced = keys
        .ensure_environment_key(&secret("a new one"))
        .await
        .unwrap();
    assert_eq!((replaced.id, replaced.revoked_at), (environment.id, None));
}

#[tokio::test]
async fn no_file_holds_a_key() {
    let (keys, folder) = keys().await;
    let (_, text) = keys.create("phone", KeyRole::Plain).await.unwrap();
    keys.ensure_environment_key(&secret("hunter2"))
        .await
        .unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for needle in [text.expose(), "hunter2"] {
            let found = bytes
                .windows(needle.len())
                .any(|part| part == needle.as_bytes());
            assert!(!found);
        }
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_a_typed_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.sqlite");
    std::fs::write(
        &path,
        "this is not a database, but long enough to be read".repeat(100),
    )
    .unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Database(_)), "{error:?}");
    let error = Store::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Database(_)), "{error:?}");
    let error = FolderLock::acquire(&path.join("below a file")).unwrap_err();
    assert!(matches!(error, StoreError::File { .. }), "{error:?}");
}

#[tokio::test]
async fn a_deleted_photograph_is_not_left_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("jobs.sqlite"))
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
    store.truncate_log().await.unwrap();
    let files = std::fs::read_dir(folder.path()).unwrap();
    for path in files.map(|file| file.unwrap().path()) {
        let bytes = std::fs::read(&path).unwrap();
        let needle = b"the face of a person";
        let found = bytes.windows(needle.len()).any(|part| part == needle);
        assert!(!found, "{}", path.display());
    }
}

/// The permissions of a file or folder.
#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_database() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("data");
    let database = folder.join("jobs.sqlite");
    let clock = Arc::new(ManualClock::new());
    let keys = Keys::open(&database, clock).await.unwrap();
    keys.create("phone", KeyRole::Plain).await.unwrap();
    assert_eq!(mode(&folder), 0o700);
    for beside in ["", "-wal", "-shm"] {
        let file = folder.join(format!("jobs.sqlite{beside}"));
        assert_eq!(mode(&file), 0o600, "{beside}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_or_database_that_is_there_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("jobs.sqlite");
    drop(Store::open(&database).await.unwrap());
    let group = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(folder.path(), group(0o750)).unwrap();
    std::fs::set_permissions(&database, group(0o640)).unwrap();
    let _lock = FolderLock::acquire(&database).unwrap();
    Store::open(&database).await.unwrap();
    assert_eq!((mode(folder.path()), mode(&database)), (0o750, 0o640));
}

#[tokio::test]
async fn what_waited_before_there_were_buckets_still_does() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("jobs.sqlite");
    file::ensure_database(&database).unwrap();
    let all = sqlx::migrate!();
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

    let store = Store::open(&database).await.unwrap();
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
fn the_lock_tells_how_the_process_before_ended() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("jobs.sqlite");
    let (lock, death) = FolderLock::acquire(&database).unwrap();
    assert_eq!(death, Death::Unknown);
    lock.note_death_from_inside();
    drop(lock);
    // Also when the one in between has come to nothing.
    for _ in 0..2 {
        assert_eq!(FolderLock::acquire(&database).unwrap().1, Death::FromInside);
    }
    FolderLock::acquire(&database).unwrap().0.forget_death();
    assert_eq!(FolderLock::acquire(&database).unwrap().1, Death::Unknown);
}

#[cfg(unix)]
#[test]
fn the_lock_is_private_and_follows_no_link() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("jobs.sqlite");
    let path = folder.path().join("jobs.sqlite.lock");
    drop(FolderLock::acquire(&database).unwrap());
    assert_eq!(mode(&path), 0o600);
    std::fs::remove_file(&path).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::write(&elsewhere, "not ours").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let error = FolderLock::acquire(&database).unwrap_err();
    assert!(matches!(error, StoreError::File { .. }), "{error:?}");
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"not ours");
}

#[test]
fn a_lock_that_was_removed_is_taken_again_unless_another_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("jobs.sqlite");
    let path = folder.path().join("jobs.sqlite.lock");
    let (mut lock, _) = FolderLock::acquire(&database).unwrap();
    lock.keep().unwrap();
    std::fs::remove_file(&path).unwrap();
    lock.keep().unwrap();
    let second = FolderLock::acquire(&database).unwrap_err();
    assert!(matches!(second, StoreError::InUse(_)), "{second:?}");
    std::fs::remove_file(&path).unwrap();
    let other = FolderLock::acquire(&database).unwrap();
    assert!(matches!(lock.keep(), Err(StoreError::InUse(_))));
    drop(other);
    lock.keep().unwrap();
}
