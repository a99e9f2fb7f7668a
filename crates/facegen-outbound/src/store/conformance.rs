//! What every store of images must do, whatever it keeps them in.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use facegen_core::fake::MemoryStore;
use facegen_core::{
    FileKind, FileName, FilePrefix, ImageStore, ObjectName, StoredObject, SystemClock, Timestamp,
};

/// Returns an object of one and the same job.
pub(super) fn object(index: u32, attempt: u32) -> ObjectName {
    let prefix = FilePrefix::parse("8c3ef6ea-1c44-4d69-91cb-fc11971a65d1").unwrap();
    let file = FileName {
        prefix,
        index,
        kind: FileKind::Png,
    };
    ObjectName { file, attempt }
}

/// Runs every check on `store`, which must be empty and is left so.
pub(super) async fn image_store_suite(store: &dyn ImageStore) {
    what_is_put_is_got_whole(store).await;
    objects_are_apart(store).await;
    what_is_deleted_is_gone(store).await;
    age_decides_what_goes(store).await;
}

async fn what_is_put_is_got_whole(store: &dyn ImageStore) {
    let name = object(0, 1);
    assert_eq!(store.get(&name).await, Ok(None));
    assert!(store.open(&name).await.unwrap().is_none());
    for bytes in [vec![7; 300_000], Vec::new(), (0..=255).collect()] {
        store.put(&name, bytes.clone()).await.unwrap();
        assert_eq!(store.get(&name).await, Ok(Some(bytes.clone())));
        let opened = store.open(&name).await.unwrap().unwrap();
        if let StoredObject::File { bytes: length, .. } = &opened {
            assert_eq!(*length, bytes.len() as u64);
        }
        // An object that is deleted while it is read is read to its end.
        store.delete(&name).await.unwrap();
        assert_eq!(read(opened).await, bytes);
        assert!(store.open(&name).await.unwrap().is_none());
    }
}

/// Reads all bytes of an object that was opened.
async fn read(object: StoredObject) -> Vec<u8> {
    let mut bytes = Vec::new();
    match object {
        StoredObject::Bytes(all) => return all,
        StoredObject::File { mut file, .. } => {
            file.read_to_end(&mut bytes).unwrap();
        }
        StoredObject::Pieces { mut pieces, .. } => {
            while let Some(piece) = pieces.next().await.unwrap() {
                bytes.extend_from_slice(&piece);
            }
        }
    }
    bytes
}

/// Checks that index, attempt, kind and prefix each make another object.
async fn objects_are_apart(store: &dyn ImageStore) {
    let mut names = [
        object(0, 1),
        object(1, 1),
        object(0, 2),
        object(0, 1),
        object(0, 1),
    ];
    names[3].file.kind = FileKind::Base64;
    names[4].file.prefix = FilePrefix::parse("8c3ef6ea-1c44-4d69-91cb-fc11971a65d2").unwrap();
    for (name, byte) in names.iter().zip(0..) {
        store.put(name, vec![byte]).await.unwrap();
    }
    for (name, byte) in names.iter().zip(0..) {
        assert_eq!(store.get(name).await, Ok(Some(vec![byte])));
        store.delete(name).await.unwrap();
    }
}

async fn what_is_deleted_is_gone(store: &dyn ImageStore) {
    let name = object(0, 1);
    store.put(&name, vec![1]).await.unwrap();
    store.delete(&name).await.unwrap();
    assert_eq!(store.get(&name).await, Ok(None));
    assert_eq!(store.delete(&name).await, Ok(()));
}

async fn age_decides_what_goes(store: &dyn ImageStore) {
    let hour = Duration::from_secs(3600);
    let now = Timestamp::from(SystemTime::now());
    for index in 0..3 {
        store.put(&object(index, 1), vec![1]).await.unwrap();
    }
    assert_eq!(store.delete_before(now - hour).await, Ok(0));
    assert_eq!(store.get(&object(2, 1)).await, Ok(Some(vec![1])));
    assert_eq!(store.delete_before(now + hour).await, Ok(3));
    assert_eq!(store.delete_before(now + hour).await, Ok(0));
    assert_eq!(store.get(&object(2, 1)).await, Ok(None));
}

#[tokio::test]
async fn the_store_in_memory_is_an_image_store() {
    image_store_suite(&MemoryStore::new(Arc::new(SystemClock))).await;
}
