//! Decodes photos to upright RGB pixels.
//!
//! The bytes are untrusted, so every limit is checked before the work that it
//! limits: the length before anything is parsed, the dimensions in the header
//! before a pixel is decoded, and the memory that a file of its kind takes
//! before any of it is allocated.
//!
//! What viewers show is decoded: a file that ends early, or breaks rules that
//! no viewer needs, gives its pixels and a warning. A file without pixels is
//! refused.
//!
//! Colours follow the reference, which reads photos with OpenCV's `imread`: 16
//! bits become 8, grey and palettes become RGB, and transparency is dropped, so
//! that pixels keep the colour they have in the file. Of animations the first
//! frame is used. Colour profiles are ignored.

mod chunks;
mod container;
mod cut_off;
mod error;
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

use image::ImageFormat;
use image::metadata::Orientation;

pub use error::InputImageError;

use jpeg::Jpeg;
use warnings::{Warning, Warnings};

use crate::RgbImage;

/// The limits of [`read_image`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// The longest file, in bytes.
    pub max_bytes: usize,
    /// The largest image, in pixels. An ordinary photo takes 3 bytes of memory
    /// per pixel. The few kinds of files that take more than 5.5 are limited to
    /// fewer pixels, so that they do not take more memory.
    pub max_pixels: u64,
    /// The shortest side, in pixels, that can show a face.
    pub min_side: u32,
}

impl Default for ImageLimits {
    /// Returns 10 MB, 40 megapixels and 32 pixels.
    fn default() -> Self {
        Self {
            max_bytes: 10_000_000,
            max_pixels: 40_000_000,
            min_side: 32,
        }
    }
}

/// A decoded photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Its pixels, upright.
    pub image: RgbImage,
    /// Defects of the file that did not prevent decoding: whole sentences for
    /// the caller.
    pub warnings: Vec<String>,
}

impl From<RgbImage> for Photo {
    fn from(image: RgbImage) -> Self {
        Self {
            image,
            warnings: Vec::new(),
        }
    }
}

/// The pixels of a file, before it is turned upright.
#[derive(Debug)]
struct Decoded {
    size: (u32, u32),
    rgb: Vec<u8>,
    orientation: Orientation,
}

/// Decodes a JPEG, PNG, WebP or GIF file, detected by its first bytes, and
/// turns it upright by its EXIF orientation.
///
/// # Errors
/// Fails when the file is empty, too long, of another format, too large, too
/// small, or has no pixels that can be decoded; each is a variant of
/// [`InputImageError`].
pub fn read_image(bytes: &[u8], limits: &ImageLimits) -> Result<Photo, InputImageError> {
    let format = check_file(bytes, limits)?;
    let mut warnings = Warnings::default();
    let decoded = match format {
        Format::Jpeg => read_jpeg(bytes, limits, &mut warnings),
        Format::Png => png::read(bytes, limits, &mut warnings),
        Format::WebP => container::read_webp(bytes, limits, &mut warnings),
        Format::Gif => container::read_gif(bytes, limits, &mut warnings),
    };
    let Decoded {
        size,
        mut rgb,
        orientation,
    } = decoded?;
    let (width, height) = upright::turn(&mut rgb, size, orientation);
    let image = RgbImage::new(width as usize, height as usize, rgb)
        .map_err(|error| InputImageError::Damaged(Some(error.into())))?;
    Ok(Photo {
        image,
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

/// The supported formats.
#[derive(Debug, Clone, Copy)]
enum Format {
    Jpeg,
    Png,
    WebP,
    Gif,
}

/// Checks the length and the magic bytes, before parsing.
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
