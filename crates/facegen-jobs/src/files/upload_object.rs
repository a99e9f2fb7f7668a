//! The file of an image that a caller sent.

use facegen_core::{FileKind, FileName, FilePrefix, ObjectName, StoredObject};

use crate::context::Storage;
use crate::error::JobError;

/// Finds a file that was sent and has not expired.
///
/// # Errors
/// Fails when one of the stores cannot be read.
pub(crate) async fn file(
    storage: &Storage,
    name: &FileName,
) -> Result<Option<StoredObject>, JobError> {
    let object = object(name.prefix.clone());
    let now = storage.clock.now();
    if object.file != *name || !storage.stores.uploads.contains(&name.prefix, now).await? {
        return Ok(None);
    }
    Ok(storage.images.open(&object).await?)
}

/// Returns the name of the only object of an upload.
pub(crate) fn object(prefix: FilePrefix) -> ObjectName {
    let file = FileName {
        prefix,
        index: 0,
        kind: FileKind::Png,
    };
    ObjectName { file, attempt: 1 }
}
