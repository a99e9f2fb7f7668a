//! The photo of a request: where it comes from, and the port that reads it.
//!
//! | chapter | holds |
//! |---|---|
//! | [`source`] | [`FaceSource`], told apart from the text of `face_image` |
//! | [`inline`] | photos that come as text |
//! | [`own`] | [`local_file_name`], which URLs lead to this server's own files |
//! | `base64` | base64 as clients send it |

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

/// Gets photos and reads them.
#[async_trait]
pub trait FaceReader: fmt::Debug + Send + Sync {
    /// The bytes of the file behind `url`.
    ///
    /// # Errors
    /// The URL is not allowed, cannot be reached in time, or gives too much.
    async fn fetch(&self, url: &SafeUrl) -> Result<FaceImage, FaceError>;

    /// The pixels of an encoded photo, upright. Takes milliseconds to a
    /// second of computing: not for a thread that serves others.
    ///
    /// # Errors
    /// The file cannot be read as a photo.
    fn decode(&self, image: &FaceImage) -> Result<Photo, FaceError>;

    /// The same for a file of this server, whose length is no concern.
    ///
    /// # Errors
    /// The file cannot be read as a photo.
    fn decode_stored(&self, image: &FaceImage) -> Result<Photo, FaceError> {
        self.decode(image)
    }
}

/// Why a photo cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct FaceError {
    /// The kind of failure.
    pub code: ErrorCode,
    /// The whole sentence for the caller. It holds nothing of the URL beyond
    /// what [`SafeUrl`] prints.
    pub message: String,
}

impl FaceError {
    /// An unusable photo, and why.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::InvalidFaceImage,
            message: message.into(),
        }
    }

    /// The server behind the URL answered with this HTTP status, and no
    /// photo.
    #[must_use]
    pub fn answered(status: u16) -> Self {
        Self::new(format!(
            "face_image cannot be fetched, its server answered {status}"
        ))
    }

    /// The photo did not come within `deadline`.
    #[must_use]
    pub fn timed_out(deadline: Duration) -> Self {
        Self::new(format!(
            "face_image cannot be fetched within {} seconds",
            deadline.as_secs_f64()
        ))
    }
}
