use facegen_core::fake::FakeBuckets;
use facegen_core::key::KeyRole;
use facegen_core::redact::{SafeUrl, Secret};

use super::*;
use crate::service::JobService;
use crate::testing::Harness;

fn details(endpoint: &str) -> BucketDetails {
    BucketDetails {
        endpoint_url: SafeUrl::from(endpoint),
        region: "us-east-1".into(),
        image_directory: "pictures".into(),
        public_url: SafeUrl::from(format!("{endpoint}/pictures")),
        access_key_id: Secret::new("the id of a key".into()),
        secret_access_key: Secret::new("hunter2".into()),
    }
}

async fn two_keys(service: &JobService) -> [KeyId; 2] {
    let mut keys = Vec::new();
    for name in ["first", "second"] {
        let (key, _) = service.keys().create(name, KeyRole::Plain).await.unwrap();
        keys.push(key.id);
    }
    [keys[0], keys[1]]
}

async fn link_base(service: &JobService, key: KeyId) -> Option<String> {
    let destination = service.context.storage.buckets.of(key).await.unwrap();
    destination.map(|destination| destination.bucket().link_base.clone())
}

#[tokio::test]
async fn a_bucket_belongs_to_its_key_and_survives_a_restart() {
    let harness = Harness::new();
    let service = harness.open().await;
    let [first, second] = two_keys(&service).await;
    let set = |key, endpoint| service.set_bucket(key, details(endpoint));
    set(first, "https://one.example").await.unwrap();
    set(first, "https://two.example").await.unwrap();
    let two = Some("https://two.example/pictures".to_owned());
    assert_eq!(link_base(&service, first).await, two);
    assert_eq!(link_base(&service, second).await, None);
    assert_eq!(
        service
            .context
            .storage
            .stores
            .buckets
            .count()
            .await
            .unwrap(),
        1
    );
    drop(service);

    let service = harness.open().await;
    assert_eq!(link_base(&service, first).await, two);
    service.forget_bucket(first).await.unwrap();
    service.forget_bucket(second).await.unwrap();
    assert_eq!(link_base(&service, first).await, None);
    drop(service);
    let service = harness.open().await;
    assert_eq!(link_base(&service, first).await, None);
}

#[tokio::test]
async fn a_bucket_that_does_not_work_changes_nothing() {
    let harness = Harness::new();
    let buckets = FakeBuckets::default();
    let mut ports = harness.ports();
    ports.key_buckets.opener = Arc::new(buckets.clone());
    let service = harness.open_with(harness.config(), ports).await;
    let [key, _] = two_keys(&service).await;
    let one = service.set_bucket(key, details("https://one.example"));
    one.await.unwrap();
    buckets.refuse(Some(facegen_core::BucketProblem::WrongSecret.into()));
    let two = service.set_bucket(key, details("https://two.example"));
    assert!(two.await.is_err());
    let one = Some("https://one.example/pictures".to_owned());
    assert_eq!(link_base(&service, key).await, one);
}

#[tokio::test]
async fn secrets_are_sealed_for_one_key_by_one_master_key() {
    let harness = Harness::new();
    let service = harness.open().await;
    let [first, second] = two_keys(&service).await;
    let one = service.set_bucket(first, details("https://one.example"));
    one.await.unwrap();
    let store = harness.store().await;
    let row = store.stores().buckets.get(first).await.unwrap().unwrap();
    for sealed in [&row.access_key_id, &row.secret_access_key] {
        let text = String::from_utf8_lossy(sealed);
        assert!(!text.contains("the id") && !text.contains("hunter2"));
    }
    // Neither can be opened in place of the other, nor for another key.
    let now = Timestamp::from_millis(0);
    let mut swapped = row.clone();
    std::mem::swap(&mut swapped.access_key_id, &mut swapped.secret_access_key);
    for row in [row.clone(), swapped] {
        store.stores().buckets.set(second, &row, now).await.unwrap();
        let unsealed = service.context.storage.buckets.of(second).await;
        assert!(matches!(unsealed, Err(BucketsError::Unsealed(_))));
    }
    drop(service);

    let mut ports = harness.ports();
    ports.master_key = MasterKey::from_bytes([8; 32]);
    let service = harness.open_with(harness.config(), ports).await;
    let unsealed = service.context.storage.buckets.of(first).await.unwrap_err();
    assert!(!unsealed.to_string().contains("hunter2"));
    // The same details can be set again.
    let again = service.set_bucket(first, details("https://one.example"));
    again.await.unwrap();
    assert!(link_base(&service, first).await.is_some());
}
