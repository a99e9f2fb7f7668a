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
    /// The file is longer than the limit.
    #[error("face_image must not be longer than {} MB", *.max_bytes as f64 / 1e6)]
    TooLong {
        /// The limit, in bytes.
        max_bytes: usize,
    },
    /// The first bytes are not those of a supported format.
    #[error("face_image is not a JPEG, PNG, WebP or GIF image")]
    UnknownFormat,
    /// The header announces more pixels than the limit.
    #[error(
        "face_image of {width}x{height} pixels is too large, at most {} megapixels are read",
        (*.max_pixels / 100_000) as f64 / 10.0
    )]
    TooLarge {
        /// The width in the header.
        width: u32,
        /// The height in the header.
        height: u32,
        /// The limit for files of this kind, in pixels.
        max_pixels: u64,
    },
    /// The image is too small for a face.
    #[error(
        "face_image of {width}x{height} pixels is too small, both sides must have at least {min_side}"
    )]
    TooSmall {
        /// The width in the header.
        width: u32,
        /// The height in the header.
        height: u32,
        /// The shortest side that is accepted, in pixels.
        min_side: u32,
    },
    /// The format is supported, but not this variant.
    #[error("face_image uses a variant of its format that is not supported")]
    Unsupported(#[source] Option<ImageError>),
    /// Its metadata, or a frame of it, would take more memory than the limit.
    #[error("face_image takes too much memory to be read")]
    TooDemanding(#[source] Option<Box<dyn Error + Send + Sync>>),
    /// The file is truncated or inconsistent; the source has details, where the
    /// decoder gives them.
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
