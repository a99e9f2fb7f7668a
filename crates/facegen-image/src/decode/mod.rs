//! From the bytes of a photo to upright RGB pixels.
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
//! Colours follow the reference, which reads photos with OpenCV's
//! `imread`: 16 bits become 8, grey and palettes become RGB, and transparency
//! is dropped, so that pixels keep the colour they have in the file. Of
//! animations the first frame counts. Colour profiles are ignored.
//!
//! | chapter | holds |
//! |---|---|
//! | `jpeg` | a decoder of JPEG |
//! | `png`, `chunks` | PNG row by row, and what its chunks hold |
//! | `container`, `webp`, `vp8l` | WebP and GIF, and what the chunks of a WebP hold |
//! | `cut_off` | WebP that ends early |
//! | `memory` | how much memory a file may take |
//! | `rgb` | from the pixels of a file to RGB |
//! | `orientation`, `upright` | which side is up, and turning it there |
//! | `error` | [`InputImageError`] |
//! | `warnings` | what a caller should know about a file that was read |

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

/// What [`read_image`] is willing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// The longest file, in bytes.
    pub max_bytes: usize,
    /// The largest image, in pixels. Reading takes 3 bytes of memory a pixel
    /// for an ordinary photo. Files of the few kinds that take more than
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

/// A photo that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Its pixels, upright.
    pub image: RgbImage,
    /// What is wrong with its file, although it was read: whole sentences for
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
