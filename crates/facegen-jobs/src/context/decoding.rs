//! How photographs become pixels.

use std::sync::Arc;

use facegen_core::redact::FaceImage;
use facegen_core::{FaceError, Photograph};

use super::Shared;
use crate::broken_task;

/// A photograph as a file.
#[derive(Debug)]
pub(crate) enum Encoded {
    /// From a stranger.
    Foreign(FaceImage),
    /// A file of this server, which may be longer than what strangers send.
    Own(FaceImage),
}

impl Shared {
    /// Decodes a photograph where it disturbs nobody.
    pub(crate) async fn decode(&self, image: Encoded) -> Result<Photograph, FaceError> {
        self.decode_and(image, |photograph| photograph).await
    }

    /// Decodes a photograph where it disturbs nobody, and lets `work` go on with
    /// it there.
    pub(crate) async fn decode_and<T: Send + 'static>(
        &self,
        image: Encoded,
        work: impl FnOnce(Photograph) -> T + Send + 'static,
    ) -> Result<T, FaceError> {
        let broke_down = || FaceError::new("face_image cannot be read");
        // The semaphore is never closed.
        let place = Arc::clone(&self.decoding).acquire_owned().await;
        let place = place.map_err(|_| broke_down())?;
        let faces = Arc::clone(&self.ports.faces);
        let decode = move || {
            // Even if nobody waits for the picture any more.
            let _place = place;
            let decoded = match &image {
                Encoded::Foreign(image) => faces.decode(image),
                Encoded::Own(image) => faces.decode_own(image),
            };
            decoded.map(work)
        };
        let decoded = tokio::task::spawn_blocking(decode).await;
        decoded.unwrap_or_else(|error| {
            let reason = broken_task::reason(&error);
            tracing::error!(reason, "the decoder of photographs broke down");
            Err(broke_down())
        })
    }
}
