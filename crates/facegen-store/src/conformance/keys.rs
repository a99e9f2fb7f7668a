//! The tests of every [`KeyStore`](facegen_core::store::KeyStore).

use std::time::Duration;

use facegen_core::key::{KeyId, KeyRole};
use facegen_core::key_limits::OwnLimits;
use facegen_core::store::Stores;

use super::{START, new_key};

pub(super) async fn all(stores: &Stores) {
    let keys = &stores.keys;
    assert!(!keys.has_admin().await.unwrap());
    let (plain, admin) = (
        new_key("plain", KeyRole::Plain),
        new_key("admin", KeyRole::Admin),
    );
    let first = keys.insert(&plain).await.unwrap();
    let second = keys.insert(&admin).await.unwrap();
    assert_eq!((first.name.as_str(), first.role), ("plain", KeyRole::Plain));
    assert_eq!((first.created_at, first.revoked_at), (START, None));
    assert!(keys.has_admin().await.unwrap());
    keys.insert(&plain)
        .await
        .expect_err("a hash belongs to one key");

    assert_eq!(keys.list().await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(keys.find(second.id).await.unwrap(), Some(second.clone()));
    assert_eq!(
        keys.find_by_hash(&plain.hash).await.unwrap(),
        Some(first.clone())
    );
    assert_eq!(keys.find_by_hash(&[9; 32]).await.unwrap(), None);
    assert_eq!(keys.find(KeyId::new(99)).await.unwrap(), None);

    let limits = OwnLimits {
        requests_per_minute: Some(0),
        queue_share: None,
    };
    let limited = keys.set_limits(first.id, limits).await.unwrap().unwrap();
    assert_eq!(limited.limits, limits);
    assert_eq!(keys.find(first.id).await.unwrap(), Some(limited));
    assert_eq!(keys.set_limits(KeyId::new(99), limits).await.unwrap(), None);

    let later = START + Duration::from_secs(1);
    assert!(keys.revoke(second.id, later).await.unwrap());
    assert!(!keys.revoke(second.id, later).await.unwrap());
    assert!(!keys.revoke(KeyId::new(99), later).await.unwrap());
    assert!(!keys.has_admin().await.unwrap());
    let revoked = keys.find_by_hash(&admin.hash).await.unwrap().unwrap();
    assert_eq!(revoked.revoked_at, Some(later));

    let replaced = keys.replace_hash("admin", &[7; 32]).await.unwrap().unwrap();
    assert_eq!((replaced.id, replaced.revoked_at), (second.id, None));
    assert_eq!(keys.find_by_hash(&admin.hash).await.unwrap(), None);
    assert_eq!(keys.replace_hash("unknown", &[8; 32]).await.unwrap(), None);
}

pub(super) async fn the_first_admin_key_is_added_where_there_is_none(stores: &Stores) {
    let keys = &stores.keys;
    let plain = new_key("plain", KeyRole::Plain);
    keys.insert(&plain).await.unwrap();
    let [one, other] = ["one", "other"].map(|name| new_key(name, KeyRole::Admin));
    let first = keys.insert_first(&one).await.unwrap().unwrap();
    assert_eq!((first.name.as_str(), first.role), ("one", KeyRole::Admin));
    assert_eq!(keys.insert_first(&other).await.unwrap(), None);
    assert_eq!(keys.find_by_hash(&other.hash).await.unwrap(), None);
    assert!(keys.revoke(first.id, START).await.unwrap());
    assert!(keys.insert_first(&other).await.unwrap().is_some());
}
