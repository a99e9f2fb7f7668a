//! Converts decoded pixels to RGB, in place.

use image::error::{UnsupportedError, UnsupportedErrorKind};
use image::{ColorType, ImageDecoder, ImageError};

/// Bytes per pixel of red, green and blue.
pub(super) const RGB: usize = 3;

/// The level of missing pixels.
pub(super) const MISSING: u8 = 128;

/// The distance between rows of the first pass of an interlaced GIF.
const INTERLACED: usize = 8;

/// The alpha value that marks a pixel that the decoder has not written.
const UNSEEN: u8 = 1;

/// Reads all pixels of `decoder`, three bytes each, without transparency.
///
/// # Errors
/// Fails when the file is damaged, or its kind of pixels is not supported.
pub(super) fn read(decoder: impl ImageDecoder) -> Result<Vec<u8>, ImageError> {
    let color = decoder.color_type();
    let (width, height) = decoder.dimensions();
    let pixels = width as usize * height as usize;
    let mut bytes = vec![0; pixels * usize::from(color.bytes_per_pixel())];
    decoder.read_image(&mut bytes)?;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the decoders give no other colours"
    )]
    match color {
        ColorType::Rgb8 => {}
        ColorType::Rgba8 => drop_alpha(&mut bytes, pixels),
        _ => return Err(unsupported(color)),
    }
    bytes.truncate(pixels * RGB);
    bytes.shrink_to_fit();
    Ok(bytes)
}

/// Does the same with a decoder that writes pixels in place and never with the
/// alpha value `UNSEEN`. When it fails, returns the pixels that were written,
/// and false.
///
/// # Errors
/// Fails when there is no pixel, or the kind of pixels is not supported.
pub(super) fn read_partly(decoder: impl ImageDecoder) -> Result<(Vec<u8>, bool), ImageError> {
    let color = decoder.color_type();
    if color != ColorType::Rgba8 {
        return Err(unsupported(color));
    }
    let (width, height) = decoder.dimensions();
    let pixels = width as usize * height as usize;
    let mut bytes = [0, 0, 0, UNSEEN].repeat(pixels);
    let outcome = decoder.read_image(&mut bytes);
    let is_whole = outcome.is_ok();
    if let Err(error) = outcome {
        fill_missing(&mut bytes, width as usize).ok_or(error)?;
    }
    drop_alpha(&mut bytes, pixels);
    bytes.truncate(pixels * RGB);
    bytes.shrink_to_fit();
    Ok((bytes, is_whole))
}

/// Fills missing pixels with grey, or in an interlaced image with the pixel
/// above. Returns `None` when all are missing.
fn fill_missing(rgba: &mut [u8], width: usize) -> Option<()> {
    let is_missing = |row: &[u8]| row.chunks_exact(4).all(|pixel| pixel[3] == UNSEEN);
    let stride = width * 4;
    let last = rgba
        .chunks_exact(stride)
        .rposition(|row| !is_missing(row))?;
    let mut before = rgba.chunks_exact(stride).take(last);
    let copied = if before.any(is_missing) {
        last + INTERLACED
    } else {
        0
    };
    for place in (0..rgba.len()).step_by(4) {
        if rgba[place + 3] != UNSEEN {
            continue;
        }
        if (1..copied).contains(&(place / stride)) {
            rgba.copy_within(place - stride..place - stride + 4, place);
        } else {
            rgba[place..place + 4].copy_from_slice(&[MISSING, MISSING, MISSING, u8::MAX]);
        }
    }
    Some(())
}

/// Removes the alpha channel in place, in an order in which no pixel is
/// overwritten before it is read.
fn drop_alpha(bytes: &mut [u8], pixels: usize) {
    for index in 0..pixels {
        let mut pixel = [0; RGB];
        pixel.copy_from_slice(&bytes[index * 4..][..RGB]);
        bytes[index * RGB..][..RGB].copy_from_slice(&pixel);
    }
}

/// Replaces the content of `rgb` with the pixels of a row, without
/// transparency.
pub(super) fn convert(color: ColorType, row: &[u8], rgb: &mut Vec<u8>) {
    rgb.clear();
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "rows of other colours are copied as they are"
    )]
    match color {
        ColorType::L8 => rgb.extend(row.iter().flat_map(|level| [*level; RGB])),
        ColorType::La8 => {
            let (pixels, _) = row.as_chunks::<2>();
            rgb.extend(pixels.iter().flat_map(|[level, _]| [*level; RGB]));
        }
        ColorType::Rgba8 => {
            let (pixels, _) = row.as_chunks::<4>();
            rgb.extend(
                pixels
                    .iter()
                    .flat_map(|[red, green, blue, _]| [*red, *green, *blue]),
            );
        }
        _ => rgb.extend(row),
    }
}

fn unsupported(color: ColorType) -> ImageError {
    let kind = UnsupportedErrorKind::Color(color.into());
    let format = image::error::ImageFormatHint::Unknown;
    ImageError::Unsupported(UnsupportedError::from_format_and_kind(format, kind))
}
