//! Why a file cannot be used as a face image.

use std::error::Error;

use image::ImageError;
use thiserror::Error;

/// Why a file cannot be used as a face image.
#[derive(Debug, Error)]
pub enum InputImageError {
    /// There are no bytes.
    #[error("face_image is empty")]
    Empty,
    /// The file is longer than is read.
    #[error("face_image must not be longer than {} MB", *.max_bytes as f64 / 1e6)]
    TooLong {
        /// The longest file that is read, in bytes.
        max_bytes: usize,
    },
    /// The first bytes are those of no format that is read.
    #[error("face_image is not a JPEG, PNG, WebP or GIF image")]
    UnknownFormat,
    /// The header announces more pixels than are read.
    #[error(
        "face_image of {width}x{height} pixels is too large, at most {} megapixels are read",
        (*.max_pixels / 100_000) as f64 / 10.0
    )]
    TooLarge {
        /// The width in the header.
        width: u32,
        /// The height in the header.
        height: u32,
        /// The largest image that is read of a file of this kind, in pixels.
        max_pixels: u64,
    },
    /// No face fits into so few pixels.
    #[error(
        "face_image of {width}x{height} pixels is too small, both sides must have at least {min_side}"
    )]
    TooSmall {
        /// The width in the header.
        width: u32,
        /// The height in the header.
        height: u32,
        /// The shortest side that is read, in pixels.
        min_side: u32,
    },
    /// The format is read, this variant of it is not.
    #[error("face_image uses a variant of its format that is not supported")]
    Unsupported(#[source] Option<ImageError>),
    /// What it holds beside its image, or a frame of it, would take more
    /// memory than an image may.
    #[error("face_image takes too much memory to be read")]
    TooDemanding(#[source] Option<Box<dyn Error + Send + Sync>>),
    /// The file ends early or contradicts itself; the source says how, where
    /// the decoder knows.
    #[error("face_image is truncated or damaged")]
    Damaged(#[source] Option<Box<dyn Error + Send + Sync>>),
}

impl From<ImageError> for InputImageError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Unsupported(_) => Self::Unsupported(Some(error)),
            ImageError::Limits(_) => Self::TooDemanding(Some(error.into())),
            ImageError::Decoding(_)
            | ImageError::Encoding(_)
            | ImageError::Parameter(_)
            | ImageError::IoError(_) => Self::Damaged(Some(error.into())),
        }
    }
}
