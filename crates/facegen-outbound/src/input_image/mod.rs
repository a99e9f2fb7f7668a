//! From the bytes of a photograph to upright RGB pixels.
//!
//! The bytes come from strangers, so every bound is checked before the work
//! that it bounds: the length before anything is parsed, the dimensions in the
//! header before a pixel is decoded, and the memory that a file of its kind
//! takes before any of it is taken.
//!
//! What viewers read is read: a file that ends early, or that breaks rules
//! which no viewer needs, gives its pixels and a warning. What has no pixels is
//! refused.
//!
//! Colours follow the reference, which reads photographs with OpenCV's
//! `imread`: 16 bits become 8, grey and palettes become RGB, and transparency
//! is dropped, so that pixels keep the colour they have in the file. Of
//! animations the first frame counts. Colour profiles are ignored.
//!
//! | chapter | holds |
//! |---|---|
//! | `jpeg` | a decoder of JPEG |
//! | `png`, `chunks` | PNG row by row, and what its chunks hold |
//! | `container`, `webp`, `vp8l` | WebP and GIF, and what the chunks of a WebP hold |
//! | `memory` | how much memory a file may take |
//! | `rgb` | from the pixels of a file to RGB |
//! | `orientation`, `upright` | which side is up, and turning it there |
//! | `warnings` | what a caller should know about a file that was read |

mod chunks;
mod container;
mod jpeg;
mod memory;
mod orientation;
mod png;
mod rgb;
#[cfg(test)]
mod tests;
mod upright;
mod vp8l;
mod warnings;
mod webp;

use std::error::Error;

use facegen_core::{ErrorCode, Photograph, Picture};
use image::metadata::Orientation;
use image::{ImageError, ImageFormat};
use thiserror::Error;

use jpeg::Jpeg;
use warnings::{Warning, Warnings};

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

/// The pixels of a file as they lie in it.
#[derive(Debug)]
struct Decoded {
    size: (u32, u32),
    rgb: Vec<u8>,
    orientation: Orientation,
}

/// Reads a JPEG, PNG, WebP or GIF file, told apart by its first bytes, and
/// turns it upright by its EXIF orientation.
///
/// # Errors
/// The file is empty, too long, of another format, too large, too small, or
/// has no pixels that can be read; each is a variant of [`InputImageError`].
pub fn read_image(bytes: &[u8], limits: &ImageLimits) -> Result<Photograph, InputImageError> {
    let format = check_file(bytes, limits)?;
    let mut warnings = Warnings::default();
    let decoded = match format {
        Format::Jpeg => read_jpeg(bytes, limits, &mut warnings),
        Format::Png => png::read(bytes, limits, &mut warnings),
        Format::WebP => container::read_webp(bytes, limits, &mut warnings),
        Format::Gif => container::read_gif(bytes, limits),
    };
    let Decoded {
        size,
        mut rgb,
        orientation,
    } = decoded?;
    let (width, height) = upright::turn(&mut rgb, size, orientation);
    let picture = Picture::new(width, height, rgb)
        .map_err(|error| InputImageError::Damaged(Some(error.into())))?;
    Ok(Photograph {
        picture,
        warnings: warnings.into_texts(),
    })
}

fn read_jpeg(
    bytes: &[u8],
    limits: &ImageLimits,
    warnings: &mut Warnings,
) -> Result<Decoded, InputImageError> {
    let jpeg = Jpeg::open(bytes)?;
    let size = jpeg.size();
    check_size(size, limits.max_pixels, limits)?;
    let bytes_per_pixel = rgb::RGB as u64 + jpeg.kept_bytes_per_pixel();
    check_size(size, limits.max_pixels_at(bytes_per_pixel), limits)?;
    let exif = jpeg.exif();
    Ok(Decoded {
        size,
        rgb: jpeg.read(warnings)?,
        orientation: exif.map_or(Orientation::NoTransforms, orientation::of_exif),
    })
}

/// The formats that are read.
#[derive(Debug, Clone, Copy)]
enum Format {
    Jpeg,
    Png,
    WebP,
    Gif,
}

/// Checks what is known without parsing: the length and the magic bytes.
fn check_file(bytes: &[u8], limits: &ImageLimits) -> Result<Format, InputImageError> {
    if bytes.is_empty() {
        return Err(InputImageError::Empty);
    }
    if bytes.len() > limits.max_bytes {
        return Err(InputImageError::TooLong {
            max_bytes: limits.max_bytes,
        });
    }
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => Ok(Format::Jpeg),
        Ok(ImageFormat::Png) => Ok(Format::Png),
        Ok(ImageFormat::WebP) => Ok(Format::WebP),
        Ok(ImageFormat::Gif) => Ok(Format::Gif),
        _ => Err(InputImageError::UnknownFormat),
    }
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
    TooDemanding(#[source] Option<Box<dyn Error + Send + Sync>>),
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
            ImageError::Limits(_) => Self::TooDemanding(Some(error.into())),
            ImageError::Decoding(_)
            | ImageError::Encoding(_)
            | ImageError::Parameter(_)
            | ImageError::IoError(_) => Self::Damaged(Some(error.into())),
        }
    }
}
