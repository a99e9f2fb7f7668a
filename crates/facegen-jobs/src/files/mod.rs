//! The files that are read at this server.

pub(crate) mod removal;
pub(crate) mod upload_object;

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::job::Job;
use facegen_core::key::KeyId;
use facegen_core::{FileName, JobState, ObjectName, StorageError, StoredObject};
use tokio::time::timeout;

use crate::buckets::Destination;
use crate::context::Storage;
use crate::context::readers::Reader;
use crate::error::JobError;

/// How long a bucket may take until the first piece of an object arrives.
const OPENING_TIME: Duration = Duration::from_secs(10);

/// Where a file is.
pub(crate) enum Found {
    /// In the local directory.
    Here(StoredObject),
    /// In a bucket.
    There(InBucket),
}

/// An object in a bucket.
pub(crate) struct InBucket {
    key: KeyId,
    destination: Arc<Destination>,
    object: ObjectName,
}

/// Finds the file of this name, if it is one of a job that has succeeded, or
/// one that was sent, and has not expired. No bucket is asked.
///
/// # Errors
/// Fails when the database or the directory cannot be read.
pub(crate) async fn find(storage: &Storage, name: &FileName) -> Result<Option<Found>, JobError> {
    let job = storage.stores.jobs.find_by_prefix(&name.prefix).await?;
    let Some(job) = job.filter(|job| has_file(storage, job, name)) else {
        let file = upload_object::file(storage, name).await?;
        return Ok(file.map(Found::Here));
    };
    let object = ObjectName {
        file: name.clone(),
        attempt: job.attempt,
    };
    if let Some(file) = storage.images.open(&object).await? {
        return Ok(Some(Found::Here(file)));
    }
    let Some(link_base) = &job.link_base else {
        return Ok(None);
    };
    let destination = storage.buckets.holding(job.key, link_base).await?;
    Ok(destination.map(|destination| {
        Found::There(InBucket {
            key: job.key,
            destination,
            object,
        })
    }))
}

/// Opens the file of this name.
///
/// # Errors
/// Fails when one of the stores cannot be read, or the key has too many readers.
pub(crate) async fn open(
    storage: &Storage,
    name: &FileName,
) -> Result<Option<StoredObject>, JobError> {
    match find(storage, name).await? {
        Some(Found::Here(file)) => Ok(Some(file)),
        Some(Found::There(object)) => open_there(storage, &object).await,
        None => Ok(None),
    }
}

/// Reads all bytes of such a file.
pub(crate) async fn read(storage: &Storage, name: &FileName) -> Result<Option<Vec<u8>>, JobError> {
    match find(storage, name).await? {
        Some(found) => read_found(storage, found).await,
        None => Ok(None),
    }
}

/// Reads all bytes of what was found; `None` when the bucket no longer has it.
///
/// # Errors
/// Fails when it cannot be read.
pub(crate) async fn read_found(
    storage: &Storage,
    found: Found,
) -> Result<Option<Vec<u8>>, JobError> {
    let object = match found {
        Found::Here(object) => Some(object),
        Found::There(object) => open_there(storage, &object).await?,
    };
    match object {
        Some(object) => Ok(Some(read_all(object).await?)),
        None => Ok(None),
    }
}

/// Opens an object in a bucket, when its key has room for one reader more.
async fn open_there(storage: &Storage, there: &InBucket) -> Result<Option<StoredObject>, JobError> {
    let longest = there.object.file.kind.longest();
    let reader = storage.readers.begin(there.key, longest).await;
    let reader = reader.ok_or(JobError::TooManyReaders)?;
    let store = &there.destination.bucket().store;
    let opened = timeout(OPENING_TIME, store.open(&there.object)).await;
    let opened = opened.map_err(|_| StorageError("the bucket is too slow".to_owned()))??;
    Ok(opened.map(|object| Reader::hold(reader, object)))
}

async fn read_all(object: StoredObject) -> Result<Vec<u8>, JobError> {
    let mut bytes = Vec::new();
    match object {
        StoredObject::Bytes(all) => Ok(all),
        StoredObject::Pieces { mut pieces, .. } => {
            while let Some(piece) = pieces.next().await? {
                bytes.extend_from_slice(&piece);
            }
            Ok(bytes)
        }
        StoredObject::File { mut file, .. } => {
            let read = tokio::task::spawn_blocking(move || {
                file.read_to_end(&mut bytes)?;
                Ok::<_, std::io::Error>(bytes)
            });
            let read = read.await;
            let read =
                read.map_err(|_| JobError::BrokeDown("the reading of a file ended early"))?;
            // The text of an `io::Error` may hold a path, its kind does not.
            let failed = |error: std::io::Error| {
                StorageError(format!("a file cannot be read: {}", error.kind()))
            };
            Ok(read.map_err(failed)?)
        }
    }
}

fn has_file(storage: &Storage, job: &Job, name: &FileName) -> bool {
    job.state == JobState::Succeeded
        && job.erased_at.is_none()
        && !job.has_expired(storage.clock.now())
        && job.files().contains(name)
}
