//! Decoding of photos into pixels.

use std::sync::Arc;

use facegen_core::redact::FaceImage;
use facegen_core::{FaceError, FaceReader, Photo};
use tokio::sync::Semaphore;

use crate::broken_task;

/// How many photos are decoded at once: each may need a few hundred megabytes.
const DECODED_AT_ONCE: usize = 2;

/// A photo as a file.
#[derive(Debug)]
pub(crate) enum PhotoSource {
    /// From a caller.
    Untrusted(FaceImage),
    /// A file of this server, which may be larger than what callers may send.
    Stored(FaceImage),
}

/// Decodes photos on blocking threads. Clones share their permits.
#[derive(Clone)]
pub(crate) struct PhotoDecoder {
    faces: Arc<dyn FaceReader>,
    permits: Arc<Semaphore>,
}

impl PhotoDecoder {
    pub(super) fn new(faces: Arc<dyn FaceReader>) -> Self {
        Self {
            faces,
            permits: Arc::new(Semaphore::new(DECODED_AT_ONCE)),
        }
    }

    /// Decodes a photo.
    pub(crate) async fn decode(&self, image: PhotoSource) -> Result<Photo, FaceError> {
        self.decode_and(image, |photo| photo).await
    }

    /// Decodes a photo, and applies `work` to it on the same thread.
    pub(crate) async fn decode_and<T: Send + 'static>(
        &self,
        image: PhotoSource,
        work: impl FnOnce(Photo) -> T + Send + 'static,
    ) -> Result<T, FaceError> {
        let failed = || FaceError::new("face_image cannot be read");
        // The semaphore is never closed.
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| failed())?;
        let faces = Arc::clone(&self.faces);
        let decode = move || {
            // Held even if the caller has gone away meanwhile.
            let _permit = permit;
            let decoded = match &image {
                PhotoSource::Untrusted(image) => faces.decode(image),
                PhotoSource::Stored(image) => faces.decode_stored(image),
            };
            decoded.map(work)
        };
        let decoded = tokio::task::spawn_blocking(decode).await;
        decoded.unwrap_or_else(|error| {
            let reason = broken_task::reason(&error);
            tracing::error!(reason, "failed to decode photo");
            Err(failed())
        })
    }
}
