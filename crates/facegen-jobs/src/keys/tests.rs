use facegen_core::fake::ManualClock;
use facegen_core::key_limits::KeyLimits;
use facegen_store::SqliteStore;
use tempfile::TempDir;

use super::*;

async fn keys() -> (Keys, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new());
    let store = SqliteStore::open(&directory.path().join("jobs.sqlite")).await;
    let keys = store.unwrap().into_stores().keys;
    (Keys::new(keys, clock), directory)
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.into())
}

#[tokio::test]
async fn a_created_key_authenticates_until_it_is_revoked() {
    let (keys, _directory) = keys().await;
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
    let (keys, _directory) = keys().await;
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
    let (keys, _directory) = keys().await;
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
    assert!(matches!(reserved, Err(KeyError::ReservedName(_))));
    assert_eq!(keys.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_environment_makes_no_plain_key_an_admin_key() {
    let (keys, _directory) = keys().await;
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
    let (keys, directory) = keys().await;
    let (_, text) = keys.create("phone", KeyRole::Plain).await.unwrap();
    keys.ensure_environment_key(&secret("hunter2"))
        .await
        .unwrap();
    for file in std::fs::read_dir(directory.path()).unwrap() {
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
async fn a_new_page_takes_over_what_belonged_to_the_one_before() {
    let (keys, _directory) = keys().await;
    let reserved = keys.create(PAGE, KeyRole::Admin).await;
    assert!(matches!(reserved, Err(KeyError::ReservedName(_))));
    let first = keys.renew_page_key().await.unwrap();
    let owner = keys.authenticate(&first).await.unwrap().unwrap();
    assert_eq!(owner.role, KeyRole::Plain);
    let second = keys.renew_page_key().await.unwrap();
    assert_eq!(keys.authenticate(&first).await.unwrap(), None);
    assert_eq!(keys.authenticate(&second).await.unwrap(), Some(owner));
    assert_eq!(keys.list().await.unwrap().len(), 1);
    assert!(!keys.has_admin().await.unwrap());
}
