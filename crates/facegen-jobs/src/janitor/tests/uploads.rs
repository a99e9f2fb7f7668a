//! Images that callers have sent.

use facegen_core::redact::FaceImage;

use super::*;
use crate::service::{Upload, Uploaded};

const UPLOADS: Count = Count::Uploads;

async fn upload(service: &JobService, key: KeyId) -> Uploaded {
    let upload = Upload {
        key,
        image: FaceImage::from(b"photo".to_vec()),
    };
    service.upload(upload).await.unwrap()
}

#[tokio::test]
async fn uploads_are_deleted_with_their_rows_after_a_day_and_not_before() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let store = harness.store().await;
    let uploaded = upload(&service, key).await;
    harness.clock.advance(DAY - MOMENT);
    // More than one query returns.
    for _ in 0..110 {
        upload(&service, key).await;
    }
    clean(&harness, &service).await;
    assert!(service.read(&uploaded.file).await.unwrap().is_some());
    assert_eq!(count(&store, UPLOADS).await, 111);
    harness.clock.advance(MOMENT);
    assert_eq!(service.read(&uploaded.file).await.unwrap(), None);
    assert_eq!(harness.images.len(), 111, "the janitor has not run yet");
    clean(&harness, &service).await;
    assert_eq!(harness.images.len(), 110);
    assert_eq!(count(&store, UPLOADS).await, 110);
    harness.clock.advance(DAY);
    clean(&harness, &service).await;
    assert!(harness.images.is_empty());
    assert_eq!(count(&store, UPLOADS).await, 0);
    // No number occurs twice.
    assert_eq!(upload(&service, key).await.id, 112);
}

#[tokio::test]
async fn a_shorter_retention_applies_to_later_uploads() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let uploaded = upload(&service, key).await;
    let mut config = harness.config();
    config.keep_images = Duration::from_hours(1);
    service.reconfigure(config);
    harness.clock.advance(DAY - MOMENT);
    clean(&harness, &service).await;
    assert!(service.read(&uploaded.file).await.unwrap().is_some());
    harness.clock.advance(MOMENT);
    clean(&harness, &service).await;
    assert!(harness.images.is_empty());
}

#[tokio::test]
async fn what_cannot_be_deleted_is_tried_again() {
    let harness = Harness::new();
    let keeps = Arc::new(OnceLock::new());
    let mut ports = harness.ports();
    ports.images = Arc::new(Stubborn {
        inner: harness.images.clone(),
        keeps: Arc::clone(&keeps),
    });
    let service = harness.open_with(harness.config(), ports).await;
    let key = new_key(&service).await;
    let locked = upload(&service, key).await;
    upload(&service, key).await;
    upload(&service, key).await;
    keeps.set(locked.file.prefix).unwrap();
    let store = harness.store().await;
    store.damage_upload(2).await;
    harness.clock.advance(DAY);
    clean(&harness, &service).await;
    assert_eq!(count(&store, UPLOADS).await, 2);
    assert_eq!(harness.images.len(), 2);
}
