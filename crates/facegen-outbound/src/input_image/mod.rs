//! From the bytes of a photograph to upright RGB pixels.
//!
//! The bytes come from strangers, so every bound is checked before the work
//! that it bounds: the length before anything is parsed, the dimensions in the
//! header before a pixel is decoded, the completeness of a JPEG before its
//! decoder would fill in what is missing with grey, and the memory that a file
//! of its kind takes before any of it is taken.
//!
//! Colours follow the reference, which reads photographs with OpenCV's
//! `imread`: 16 bits become 8, grey and palettes become RGB, and transparency
//! is dropped, so that pixels keep the colour they have in the file. Of
//! animations the first frame counts. Colour profiles are ignored.
//!
//! | chapter | holds |
//! |---|---|
//! | `outline`, `jpeg`, `webp`, `vp8l` | what files tell of themselves before they are decoded |
//! | `memory` | how much memory a file may take |
//! | `rgb` | from the pixels of a file to RGB |
//! | `upright` | turning a picture upright |

mod jpeg;
mod memory;
mod outline;
mod rgb;
#[cfg(test)]
mod tests;
mod upright;
mod vp8l;
mod webp;

use std::error::Error;
use std::io::Cursor;

use facegen_core::{ErrorCode, Picture};
use image::{ImageDecoder, ImageError, ImageFormat, ImageReader};
use thiserror::Error;

use outline::Outline;

/// What [`read_image`] is willing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// The longest file, in bytes.
    pub max_bytes: usize,
    /// The largest picture, in pixels. Reading takes 3 bytes of memory a pixel
    /// for an ordinary photograph. Files of the few kinds that take more than
    /// 5.5 are read up to fewer pixels, so that they take no more either.
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

/// Reads a JPEG, PNG, WebP or GIF file, told apart by its first bytes, and
/// turns it upright by its EXIF orientation.
///
/// # Errors
/// The file is empty, too long, of another format, too large, too small, or
/// cannot be decoded; each is a variant of [`InputImageError`].
pub fn read_image(bytes: &[u8], limits: &ImageLimits) -> Result<Picture, InputImageError> {
    let format = check_file(bytes, limits)?;
    let outline = Outline::read(bytes, format)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(ImageLimits::before_pixels());
    let mut decoder = reader.into_decoder()?;
    let size = decoder.dimensions();
    let decoded = decoder.color_type();
    check_size(size, limits.max_pixels, limits)?;
    let bytes_per_pixel = outline.bytes_per_pixel(size, decoded)?;
    check_size(size, limits.max_pixels_at(bytes_per_pixel), limits)?;
    let taken = pixels(size) * bytes_per_pixel + outline.bytes_beside_pixels();
    if taken > limits.max_memory() {
        return Err(InputImageError::TooDemanding(None));
    }
    decoder.set_limits(limits.beside_pixels(taken))?;
    let orientation = decoder.orientation()?;
    let mut rgb = rgb::read(decoder)?;
    let (width, height) = upright::turn(&mut rgb, size, orientation);
    Picture::new(width, height, rgb).map_err(|error| InputImageError::Damaged(Some(error.into())))
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

fn check_size(
    (width, height): (u32, u32),
    max_pixels: u64,
    limits: &ImageLimits,
) -> Result<(), InputImageError> {
    if pixels((width, height)) > max_pixels {
        return Err(InputImageError::TooLarge {
            width,
            height,
            max_pixels,
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

fn pixels((width, height): (u32, u32)) -> u64 {
    u64::from(width) * u64::from(height)
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
        (*.max_pixels / 100_000) as f64 / 10.0
    )]
    TooLarge {
        /// The width in the header.
        width: u32,
        /// The height in the header.
        height: u32,
        /// The largest picture that is read of a file of this kind, in pixels.
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
    /// What it holds beside its picture, or a frame of it, would take more
    /// memory than a picture may.
    #[error("face_image takes too much memory to be read")]
    TooDemanding(#[source] Option<ImageError>),
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
            ImageError::Unsupported(_) => Self::Unsupported(Some(error)),
            ImageError::Limits(_) => Self::TooDemanding(Some(error)),
            ImageError::Decoding(_)
            | ImageError::Encoding(_)
            | ImageError::Parameter(_)
            | ImageError::IoError(_) => Self::Damaged(Some(error.into())),
        }
    }
}
