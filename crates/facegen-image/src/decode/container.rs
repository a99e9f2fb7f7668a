//! Reads WebP and GIF files with the decoders of the image crate.

use std::borrow::Cow;
use std::io::{BufRead, Cursor, Seek};

use image::metadata::Orientation;
use image::{ImageDecoder, ImageFormat, ImageReader};

use super::{
    Decoded, ImageLimits, InputImageError, Warning, Warnings, check_size, cut_off, orientation,
    pixels, rgb, webp,
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
    let header = webp::ImageHeader::read(bytes);
    let mended = header.mend(bytes);
    if matches!(mended, Cow::Owned(_)) {
        warnings.add(Warning::MissingChunk);
    }
    let cost = |size, has_alpha| {
        if !header.is_sound(size) {
            return Err(InputImageError::Damaged(None));
        }
        Ok((header.extra_bytes(has_alpha), header.bytes_for_codes()))
    };
    let orientation = header.exif().map(orientation::of_exif);
    let decoded = match read(Cursor::new(&mended), ImageFormat::WebP, limits, cost) {
        Err(InputImageError::Damaged(error)) => {
            let length = cut_off::announced_length(bytes);
            let Some(length) = length.filter(|length| *length <= limits.max_bytes) else {
                return Err(InputImageError::Damaged(error));
            };
            cut_off::read_rows(&mended, length, header.is_lossy(), warnings, |file| {
                read(file, ImageFormat::WebP, limits, cost)
            })
        }
        decoded => decoded,
    }?;
    Ok(Decoded {
        orientation: orientation.unwrap_or(decoded.orientation),
        ..decoded
    })
}

/// Reads a GIF file, a format without an orientation.
///
/// # Errors
/// See [`read_image`](super::read_image).
pub(super) fn read_gif(
    bytes: &[u8],
    limits: &ImageLimits,
    warnings: &mut Warnings,
) -> Result<Decoded, InputImageError> {
    let decoder = open(Cursor::new(bytes), ImageFormat::Gif, limits, |_, _| {
        Ok((0, 0))
    })?;
    let size = decoder.dimensions();
    let (rgb, is_whole) = rgb::read_partly(decoder)?;
    if !is_whole {
        warnings.add(Warning::Incomplete);
    }
    Ok(Decoded {
        size,
        rgb,
        orientation: Orientation::NoTransforms,
    })
}

/// Reads a file that must be complete.
fn read<R: BufRead + Seek>(
    file: R,
    format: ImageFormat,
    limits: &ImageLimits,
    cost: impl FnOnce((u32, u32), bool) -> Result<(u64, u64), InputImageError>,
) -> Result<Decoded, InputImageError> {
    let decoder = open(file, format, limits, cost)?;
    Ok(Decoded {
        size: decoder.dimensions(),
        rgb: rgb::read(decoder)?,
        orientation: Orientation::NoTransforms,
    })
}

/// Opens a file, if its size and memory are within the limits.
///
/// `cost` is how many bytes the decoder allocates in addition to its output:
/// per pixel, and in all.
fn open<'f, R, C>(
    file: R,
    format: ImageFormat,
    limits: &ImageLimits,
    cost: C,
) -> Result<impl ImageDecoder + use<'f, R, C>, InputImageError>
where
    R: BufRead + Seek + 'f,
    C: FnOnce((u32, u32), bool) -> Result<(u64, u64), InputImageError>,
{
    let mut reader = ImageReader::with_format(file, format);
    reader.limits(ImageLimits::before_pixels());
    let mut decoder = reader.into_decoder()?;
    let size = decoder.dimensions();
    let color = decoder.color_type();
    check_size(size, limits.max_pixels, limits)?;
    let (extra, for_all) = cost(size, color.has_alpha())?;
    let bytes_per_pixel = u64::from(color.bytes_per_pixel()) + extra;
    check_size(size, limits.max_pixels_at(bytes_per_pixel), limits)?;
    let taken = pixels(size) * bytes_per_pixel + for_all;
    if taken > limits.max_memory() {
        return Err(InputImageError::TooDemanding(None));
    }
    decoder.set_limits(limits.after_pixels(taken))?;
    Ok(decoder)
}
