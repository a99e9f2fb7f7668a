//! From the bytes of a photograph to upright RGB pixels.
//!
//! The bytes come from strangers, so every bound is checked before the work
//! that it bounds: the length before anything is parsed, the dimensions in the
//! header before a pixel is decoded, the completeness of a JPEG before its
//! decoder would fill in what is missing with grey.
//!
//! Colours follow the reference, which reads photographs with OpenCV's
//! `imread`: 16 bits become 8, grey and palettes become RGB, and transparency
//! is dropped, so that pixels keep the colour they have in the file. Of
//! animations the first frame counts. Colour profiles are ignored.

mod jpeg;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::io::Cursor;

use facegen_core::{ErrorCode, Picture};
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use thiserror::Error;

/// What [`read_image`] is willing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// The longest file, in bytes.
    pub max_bytes: usize,
    /// The largest picture, in pixels. Decoding takes up to 14 bytes of memory
    /// a pixel, 6 for an ordinary photograph.
    pub max_pixels: u64,
    /// The shortest side, in pixels, that can show a face.
    pub min_side: u32,
}

impl Default for ImageLimits {
    /// 10 MB, 40 megapixels, 32 pixels.
    fn default() -> Self {
        Self {
            max_bytes: 10_000_000,
            max_pixels: 40_000_000,
            min_side: 32,
        }
    }
}

/// Bytes of the largest decoded pixel: red, green, blue and alpha at 16 bits.
const MAX_BYTES_PER_PIXEL: u64 = 8;

/// Reads a JPEG, PNG, WebP or GIF file, told apart by its first bytes, and
/// turns it upright by its EXIF orientation.
///
/// # Errors
/// The file is empty, too long, of another format, too large, too small, or
/// cannot be decoded; each is a variant of [`InputImageError`].
pub fn read_image(bytes: &[u8], limits: &ImageLimits) -> Result<Picture, InputImageError> {
    let format = check_file(bytes, limits)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(memory_limits(limits));
    let mut decoder = reader.into_decoder()?;
    check_dimensions(decoder.dimensions(), limits)?;
    if format == ImageFormat::Jpeg && !jpeg::is_complete(bytes) {
        return Err(InputImageError::Damaged(None));
    }
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    let rgb = image.into_rgb8();
    let (width, height) = rgb.dimensions();
    Picture::new(width, height, rgb.into_raw())
        .map_err(|error| InputImageError::Damaged(Some(error.into())))
}

/// Checks what is known without parsing: the length and the magic bytes.
fn check_file(bytes: &[u8], limits: &ImageLimits) -> Result<ImageFormat, InputImageError> {
    if bytes.is_empty() {
        return Err(InputImageError::Empty);
    }
    if bytes.len() > limits.max_bytes {
        return Err(InputImageError::TooLong {
            max_bytes: limits.max_bytes,
        });
    }
    image::guess_format(bytes)
        .ok()
        .filter(|format| {
            matches!(
                format,
                ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP | ImageFormat::Gif
            )
        })
        .ok_or(InputImageError::UnknownFormat)
}

fn check_dimensions(
    (width, height): (u32, u32),
    limits: &ImageLimits,
) -> Result<(), InputImageError> {
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(InputImageError::TooLarge {
            width,
            height,
            max_pixels: limits.max_pixels,
        });
    }
    if width.min(height) < limits.min_side {
        return Err(InputImageError::TooSmall {
            width,
            height,
            min_side: limits.min_side,
        });
    }
    Ok(())
}

fn memory_limits(limits: &ImageLimits) -> Limits {
    let mut memory = Limits::default();
    memory.max_alloc = Some(limits.max_pixels.saturating_mul(MAX_BYTES_PER_PIXEL));
    memory
}

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
        *.max_pixels as f64 / 1e6
    )]
    TooLarge {
        /// The width in the header.
        width: u32,
        /// The height in the header.
        height: u32,
        /// The largest picture that is read, in pixels.
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
    Unsupported(#[source] ImageError),
    /// The file ends early or contradicts itself; the source says how, where
    /// the decoder knows.
    #[error("face_image is truncated or damaged")]
    Damaged(#[source] Option<Box<dyn Error + Send + Sync>>),
}

impl InputImageError {
    /// The kind of failure, for callers.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        ErrorCode::InvalidFaceImage
    }
}

impl From<ImageError> for InputImageError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Unsupported(_) => Self::Unsupported(error),
            ImageError::Decoding(_)
            | ImageError::Encoding(_)
            | ImageError::Parameter(_)
            | ImageError::Limits(_)
            | ImageError::IoError(_) => Self::Damaged(Some(error.into())),
        }
    }
}
