//! The faces of a photo, which callers may want to see before they request an
//! image. Nothing of the photo is kept.

use std::time::Duration;

use facegen_core::redact::FaceImage;
use facegen_core::{BackendError, ErrorCode, FoundFace};
use tokio::time::timeout;

use super::JobService;
use crate::context::decoding::PhotoSource;
use crate::error::JobError;

/// How long a search waits for an engine that is in the middle of a step, or of
/// other searches.
const PATIENCE: Duration = Duration::from_secs(30);

/// The faces of a photo.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundFaces {
    /// The width of the upright photo, in pixels.
    pub width: usize,
    /// Its height.
    pub height: usize,
    /// The face that a request would use first, then the others by their score.
    pub faces: Vec<FoundFace>,
}

impl JobService {
    /// Returns whether this process ever finds faces: workers are asked for images
    /// alone.
    ///
    /// # Errors
    /// Fails when it has no engines, as its role wants it.
    pub fn ensure_finds_faces(&self) -> Result<(), JobError> {
        match self.context.role.makes_images() {
            true => Ok(()),
            false => Err(JobError::NoEngineHere),
        }
    }

    /// Finds the faces of a photo, between two steps of an engine. A caller that
    /// goes away meanwhile cancels the search.
    ///
    /// # Errors
    /// Fails when the photo is unreadable, the server is stopping, no engine is
    /// ready in time, or too many other searches wait.
    pub async fn find_faces(&self, image: FaceImage) -> Result<FoundFaces, JobError> {
        if !self.is_accepting() {
            return Err(JobError::Draining);
        }
        let decoder = &self.context.decoder;
        let photo = decoder.decode(PhotoSource::Untrusted(image)).await?.image;
        let (width, height) = (photo.width(), photo.height());
        let search = self.context.execution.engines.find_faces(photo);
        let search = search.ok_or(JobError::TooManySearches)?;
        let found = timeout(PATIENCE, search).await;
        let found = found.map_err(|_| JobError::TooManySearches)?;
        let faces = found.map_err(|error| refusal(&error))?;
        Ok(FoundFaces {
            width,
            height,
            faces,
        })
    }
}

/// Returns the error of a search that failed.
fn refusal(error: &BackendError) -> JobError {
    if matches!(error.code(), ErrorCode::QueueFull | ErrorCode::Unavailable) {
        return JobError::TooManySearches;
    }
    tracing::error!(%error, "failed to find faces");
    JobError::BrokeDown("the faces of a photo cannot be found")
}
