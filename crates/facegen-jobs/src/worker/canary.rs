//! Tests whether stores that failed a job work again.

use facegen_core::{FileKind, FileName, FilePrefix, ObjectName};

use crate::context::Storage;

/// The size of an image.
const BYTES: usize = 1 << 20;

/// Checks that an image can be stored in the directory, and that the database
/// has no known fault.
pub(super) async fn stores_work(storage: &Storage) -> bool {
    let images = &storage.images;
    let object = object();
    let stored = images.put(&object, vec![0; BYTES]).await;
    // One that was not stored may still have left something.
    let deleted = images.delete(&object).await;
    stored.and(deleted).is_ok() && storage.stores.health.fault().is_none()
}

/// Returns an object that no job has: its prefix is not random.
fn object() -> ObjectName {
    ObjectName {
        file: FileName {
            prefix: FilePrefix::from_random(0),
            index: 0,
            kind: FileKind::Png,
        },
        attempt: 1,
    }
}
