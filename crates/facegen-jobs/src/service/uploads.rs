//! Images that callers send to get a link, for clients that pass links on.
//!
//! They are kept as long as generated images, in the local directory, as PNG:
//! so nothing but pixels is served again, whatever was sent.

use std::sync::Arc;
use std::time::Duration;

use facegen_core::key::KeyId;
use facegen_core::key_limits::SHORTEST_UPLOAD;
use facegen_core::redact::FaceImage;
use facegen_core::store::NewUpload;
use facegen_core::{FileName, Photo};

use super::JobService;
use super::intake::new_prefix;
use crate::context::decoding::PhotoSource;
use crate::context::{self, IntakeContext};
use crate::error::JobError;
use crate::files::upload_object::object;

/// An image that a caller sends.
#[derive(Debug)]
pub struct Upload {
    /// The owner.
    pub key: KeyId,
    /// The file as it was sent.
    pub image: FaceImage,
}

/// An image that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Its number. It is never that of a job.
    pub id: u32,
    /// Its file, which [`JobService::file`] opens.
    pub file: FileName,
}

impl JobService {
    /// Keeps an image for as long as a generated one. A caller that goes away
    /// meanwhile changes nothing.
    ///
    /// # Errors
    /// Fails when the file cannot be read as an image, the key has used up its
    /// space, the server is stopping, or a store cannot be written.
    pub async fn upload(&self, upload: Upload) -> Result<Uploaded, JobError> {
        let context = Arc::clone(&self.context);
        context::run_detached(async move { take_in(&context, upload).await }).await
    }
}

async fn take_in(context: &IntakeContext, upload: Upload) -> Result<Uploaded, JobError> {
    if context.execution.draining.is_cancelled() {
        return Err(JobError::Draining);
    }
    context.storage.stores.health.ensure_kept()?;
    let Upload { key, image } = upload;
    let limit = context.storage.config().key_limits.upload_bytes;
    check_room(context, key, limit).await?;
    let png = encode(context, image).await?;
    let created_at = context.storage.clock.now();
    let new = NewUpload {
        key,
        file_prefix: new_prefix()?,
        bytes: png.len(),
        created_at,
        expires_at: created_at + context.storage.config().keep_images,
    };
    let Some(id) = context.storage.stores.uploads.insert(&new, limit).await? else {
        return Err(full(context, key, limit).await?);
    };
    let object = object(new.file_prefix);
    if let Err(error) = context.storage.images.put(&object, png).await {
        // Without its file the row would only use up space.
        context.storage.stores.uploads.delete(id.into()).await?;
        return Err(JobError::NotStored(error));
    }
    let file = object.file;
    Ok(Uploaded { id, file })
}

/// Refuses a key without space. Decides nothing, but avoids the work of
/// decoding.
async fn check_room(context: &IntakeContext, key: KeyId, limit: u64) -> Result<(), JobError> {
    let now = context.storage.clock.now();
    let (kept, _) = context.storage.stores.uploads.kept(key, now).await?;
    if limit > 0 && kept + SHORTEST_UPLOAD > limit {
        return Err(full(context, key, limit).await?);
    }
    Ok(())
}

/// Returns the error of a key without space, which has some once its first upload expires.
async fn full(context: &IntakeContext, key: KeyId, limit: u64) -> Result<JobError, JobError> {
    let now = context.storage.clock.now();
    let (_, first) = context.storage.stores.uploads.kept(key, now).await?;
    let retry_after = first.map_or(Duration::ZERO, |first| first.since(now));
    Ok(JobError::UploadsFull { limit, retry_after })
}

/// Encodes the image as a PNG.
async fn encode(context: &IntakeContext, image: FaceImage) -> Result<Vec<u8>, JobError> {
    let encoder = Arc::clone(&context.upload_encoder);
    let encode = move |photo: Photo| encoder(&photo.image);
    let encoded = context
        .decoder
        .decode_and(PhotoSource::Untrusted(image), encode)
        .await?;
    encoded.map_err(|error| {
        tracing::error!(error, "failed to encode upload");
        JobError::BrokeDown("an image cannot be encoded")
    })
}
