//! Reads WebP and GIF files, by the decoders of the image crate.

use std::borrow::Cow;
use std::io::Cursor;

use image::metadata::Orientation;
use image::{ImageDecoder, ImageFormat, ImageReader};

use super::{
    Decoded, ImageLimits, InputImageError, Warning, Warnings, check_size, orientation, pixels, rgb,
    webp,
};

/// Reads a WebP file.
///
/// # Errors
/// See [`read_image`](super::read_image).
pub(super) fn read_webp(
    bytes: &[u8],
    limits: &ImageLimits,
    warnings: &mut Warnings,
) -> Result<Decoded, InputImageError> {
    let outline = webp::Outline::read(bytes);
    let mended = outline.mend(bytes);
    if matches!(mended, Cow::Owned(_)) {
        warnings.add(Warning::MissingChunk);
    }
    let cost = |size, has_alpha| {
        if !outline.is_sound(size) {
            return Err(InputImageError::Damaged(None));
        }
        Ok((outline.bytes_beside(has_alpha), outline.bytes_for_codes()))
    };
    let orientation = outline.exif().map(orientation::of_exif);
    let decoded = read(&mended, ImageFormat::WebP, limits, cost)?;
    Ok(Decoded {
        orientation: orientation.unwrap_or(decoded.orientation),
        ..decoded
    })
}

/// Reads a GIF file, which says nothing of which side is up.
///
/// # Errors
/// See [`read_image`](super::read_image).
pub(super) fn read_gif(bytes: &[u8], limits: &ImageLimits) -> Result<Decoded, InputImageError> {
    read(bytes, ImageFormat::Gif, limits, |_, _| Ok((0, 0)))
}

/// `cost` is how many bytes the decoder takes in addition to those that it
/// gives: for every pixel, and for all.
fn read(
    bytes: &[u8],
    format: ImageFormat,
    limits: &ImageLimits,
    cost: impl FnOnce((u32, u32), bool) -> Result<(u64, u64), InputImageError>,
) -> Result<Decoded, InputImageError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(ImageLimits::before_pixels());
    let mut decoder = reader.into_decoder()?;
    let size = decoder.dimensions();
    let color = decoder.color_type();
    check_size(size, limits.max_pixels, limits)?;
    let (beside, for_all) = cost(size, color.has_alpha())?;
    let bytes_per_pixel = u64::from(color.bytes_per_pixel()) + beside;
    check_size(size, limits.max_pixels_at(bytes_per_pixel), limits)?;
    let taken = pixels(size) * bytes_per_pixel + for_all;
    if taken > limits.max_memory() {
        return Err(InputImageError::TooDemanding(None));
    }
    decoder.set_limits(limits.beside_pixels(taken))?;
    Ok(Decoded {
        size,
        rgb: rgb::read(decoder)?,
        orientation: Orientation::NoTransforms,
    })
}
