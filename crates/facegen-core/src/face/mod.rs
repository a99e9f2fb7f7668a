//! The photo of a request: where it comes from, and the port that reads it.

mod base64;
pub mod inline;
pub mod own;
pub mod source;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

pub use own::local_file_name;
pub use source::FaceSource;

use crate::redact::{FaceImage, SafeUrl};
use crate::{ErrorCode, Photo};

/// Fetches and decodes photos.
#[async_trait]
pub trait FaceReader: fmt::Debug + Send + Sync {
    /// Fetches the file at `url`.
    ///
    /// # Errors
    /// Fails when the URL is not allowed, cannot be reached in time, or the
    /// file is too long.
    async fn fetch(&self, url: &SafeUrl) -> Result<FaceImage, FaceError>;

    /// Decodes a photo to upright pixels. Blocks for milliseconds to a second:
    /// not for an async thread.
    ///
    /// # Errors
    /// Fails when the file cannot be read as a photo.
    fn decode(&self, image: &FaceImage) -> Result<Photo, FaceError>;

    /// Does the same for a file of this server, of any length.
    ///
    /// # Errors
    /// Fails when the file cannot be read as a photo.
    fn decode_stored(&self, image: &FaceImage) -> Result<Photo, FaceError> {
        self.decode(image)
    }
}

/// Why a photo cannot be fetched or decoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct FaceError {
    /// The kind of failure.
    pub code: ErrorCode,
    /// The message for the caller, a whole sentence. It holds nothing of the
    /// URL beyond what [`SafeUrl`] prints.
    pub message: String,
}

impl FaceError {
    /// Creates the error for an unusable photo.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::InvalidFaceImage,
            message: message.into(),
        }
    }

    /// Creates the error for a server that answered with this HTTP status.
    #[must_use]
    pub fn answered(status: u16) -> Self {
        Self::new(format!(
            "face_image cannot be fetched, its server answered {status}"
        ))
    }

    /// Creates the error for a photo that did not arrive within `deadline`.
    #[must_use]
    pub fn timed_out(deadline: Duration) -> Self {
        Self::new(format!(
            "face_image cannot be fetched within {} seconds",
            deadline.as_secs_f64()
        ))
    }
}
