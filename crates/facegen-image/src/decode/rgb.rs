//! From the pixels of a file to RGB, within the memory that they take anyway.

use image::error::{UnsupportedError, UnsupportedErrorKind};
use image::{ColorType, ImageDecoder, ImageError};

/// Bytes of a pixel that is red, green and blue.
pub(super) const RGB: usize = 3;

/// What missing pixels show.
pub(super) const MISSING: u8 = 128;

/// How far apart the rows are that come first of an interlaced GIF.
const INTERLACED: usize = 8;

/// The transparency of a pixel that a decoder has not written.
const UNSEEN: u8 = 1;

/// All pixels of `decoder`, three bytes each, without transparency.
///
/// # Errors
/// The file is damaged, or its pixels are of a kind that is not read.
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

/// The same of a decoder that writes pixels to where they belong, none of them
/// all but transparent: when it fails, the pixels that there are, and whether
/// these are all.
///
/// # Errors
/// There is no pixel, or they are of a kind that is not read.
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

/// Makes pixels grey that have not been seen. In an interlaced image one stands
/// for those below it until they come. `None` when all are missing.
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

/// Moves pixels together, in an order in which none is overwritten before it is
/// read.
fn drop_alpha(bytes: &mut [u8], pixels: usize) {
    for index in 0..pixels {
        let mut pixel = [0; RGB];
        pixel.copy_from_slice(&bytes[index * 4..][..RGB]);
        bytes[index * RGB..][..RGB].copy_from_slice(&pixel);
    }
}

/// Replaces what `rgb` holds by the pixels of a row, without transparency.
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
