//! Pictures that callers have sent.

use facegen_core::redact::FaceImage;

use super::*;
use crate::service::{Upload, Uploaded};

const UPLOADS: Count = Count::Uploads;

async fn upload(service: &JobService, key: KeyId) -> Uploaded {
    let upload = Upload {
        key,
        image: FaceImage::from(b"photograph".to_vec()),
    };
    service.upload(upload).await.unwrap()
}

#[tokio::test]
async fn uploads_go_with_their_rows_after_a_day_and_not_before() {
    let world = World::new();
    let service = world.open().await;
    let key = new_key(&service).await;
    let store = world.store().await;
    let uploaded = upload(&service, key).await;
    world.clock.advance(DAY - MOMENT);
    // More than are looked at in one go.
    for _ in 0..110 {
        upload(&service, key).await;
    }
    clean(&world, &service).await;
    assert!(service.read(&uploaded.file).await.unwrap().is_some());
    assert_eq!(count(&store, UPLOADS).await, 111);
    world.clock.advance(MOMENT);
    assert_eq!(service.read(&uploaded.file).await.unwrap(), None);
    assert_eq!(world.images.len(), 111, "nobody has cleaned yet");
    clean(&world, &service).await;
    assert_eq!(world.images.len(), 110);
    assert_eq!(count(&store, UPLOADS).await, 110);
    world.clock.advance(DAY);
    clean(&world, &service).await;
    assert!(world.images.is_empty());
    assert_eq!(count(&store, UPLOADS).await, 0);
    // No number comes twice.
    assert_eq!(upload(&service, key).await.id, 112);
}

#[tokio::test]
async fn a_shorter_time_is_for_what_comes_after() {
    let world = World::new();
    let service = world.open().await;
    let key = new_key(&service).await;
    let uploaded = upload(&service, key).await;
    let mut config = world.config();
    config.keep_pictures = Duration::from_hours(1);
    service.reconfigure(config);
    world.clock.advance(DAY - MOMENT);
    clean(&world, &service).await;
    assert!(service.read(&uploaded.file).await.unwrap().is_some());
    world.clock.advance(MOMENT);
    clean(&world, &service).await;
    assert!(world.images.is_empty());
}

#[tokio::test]
async fn what_cannot_be_deleted_is_tried_again() {
    let world = World::new();
    let keeps = Arc::new(OnceLock::new());
    let mut ports = world.ports();
    ports.images = Arc::new(Stubborn {
        inner: world.images.clone(),
        keeps: Arc::clone(&keeps),
    });
    let service = world.open_with(world.config(), ports).await;
    let key = new_key(&service).await;
    let locked = upload(&service, key).await;
    upload(&service, key).await;
    upload(&service, key).await;
    keeps.set(locked.file.prefix).unwrap();
    let store = world.store().await;
    store.damage_upload(2).await;
    world.clock.advance(DAY);
    clean(&world, &service).await;
    assert_eq!(count(&store, UPLOADS).await, 2);
    assert_eq!(world.images.len(), 2);
}
