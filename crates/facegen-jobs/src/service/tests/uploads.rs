//! Images that callers send to get a link.

use std::sync::atomic::{AtomicUsize, Ordering};

use facegen_core::ImageStore;

use super::*;

/// Returns an image of 32×32 pixels, 3,072 bytes in the encoder of the tests,
/// which inverts the pixels that were sent.
fn upload(key: KeyId) -> Upload {
    let image = FaceImage::from(b"photo".to_vec());
    Upload { key, image }
}

#[tokio::test]
async fn an_upload_outlives_the_process_and_shares_no_number_with_a_job() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    assert_eq!(submit(&service, key, "a job").await.id.get(), 1);
    let first = service.upload(upload(key)).await.unwrap();
    let second = service.upload(upload(key)).await.unwrap();
    assert_eq!((first.id, second.id), (2, 3));
    assert_ne!(first.file, second.file);
    service.close().await;
    drop(service);
    let service = harness.open().await;
    assert_eq!(submit(&service, key, "another").await.id.get(), 4);
    for uploaded in [first, second] {
        let file = service.read(&uploaded.file).await.unwrap();
        assert_eq!(file.unwrap(), [!b'p'; 32 * 32 * 3]);
    }
}

#[tokio::test]
async fn long_files_count_as_they_are() {
    let harness = Harness::new();
    let mut ports = harness.ports();
    ports.upload_encoder = Arc::new(|_| Ok(vec![0; 400_000]));
    let mut config = harness.config();
    config.key_limits.upload_bytes = 1_000_000;
    let service = harness.open_with(config, ports).await;
    let key = new_key(&service).await;
    for _ in 0..2 {
        service.upload(upload(key)).await.unwrap();
    }
    let error = service.upload(upload(key)).await.unwrap_err();
    let JobError::UploadsFull { limit, retry_after } = error else {
        panic!("{error}");
    };
    assert_eq!((limit, retry_after), (1_000_000, DAY));
    assert_eq!(harness.images.len(), 2);
}

#[tokio::test]
async fn a_key_without_space_is_refused_before_anything_is_decoded() {
    let harness = Harness::new();
    let encoded = Arc::new(AtomicUsize::new(0));
    let mut ports = harness.ports();
    let count = Arc::clone(&encoded);
    ports.upload_encoder = Arc::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(vec![1])
    });
    let mut config = harness.config();
    config.key_limits.upload_bytes = 250_000;
    let service = harness.open_with(config, ports).await;
    let key = new_key(&service).await;
    let mut kept = 0;
    for _ in 0..5 {
        kept += usize::from(service.upload(upload(key)).await.is_ok());
    }
    assert_eq!((kept, encoded.load(Ordering::Relaxed)), (2, 2));
}

#[tokio::test]
async fn what_cannot_be_kept_leaves_nothing() {
    let harness = Harness::new();
    let mut ports = harness.ports();
    ports.images = Arc::new(Full);
    let service = harness.open_with(harness.config(), ports).await;
    let key = new_key(&service).await;
    let broken = Upload {
        image: FaceImage::from(b"broken".to_vec()),
        ..upload(key)
    };
    let error = service.upload(broken).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidFaceImage);
    let error = service.upload(upload(key)).await.unwrap_err();
    assert!(matches!(error, JobError::NotStored(_)), "{error}");
    service.drain();
    let error = service.upload(upload(key)).await.unwrap_err();
    assert!(matches!(error, JobError::Draining), "{error}");
    let store = harness.store().await;
    assert_eq!(count(&store, Count::Uploads).await, 0);
}

/// A store without any room.
#[derive(Debug)]
struct Full;

#[async_trait]
impl ImageStore for Full {
    async fn put(&self, _: &ObjectName, _: Vec<u8>) -> Result<(), StorageError> {
        Err(StorageError("the disk is full".into()))
    }

    async fn get(&self, _: &ObjectName) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(None)
    }

    async fn delete(&self, _: &ObjectName) -> Result<(), StorageError> {
        Ok(())
    }

    async fn delete_before(&self, _: Timestamp) -> Result<usize, StorageError> {
        Ok(0)
    }
}
