//! From the pixels of a file to RGB, within the memory that they take anyway.

use image::error::{UnsupportedError, UnsupportedErrorKind};
use image::{ColorType, ImageDecoder, ImageError};

/// Bytes of a pixel that is red, green and blue.
const RGB: usize = 3;

/// All pixels of `decoder`, three bytes each. What the file has more than that
/// is dropped: the lower half of 16 bits, as `imread` does, and transparency.
///
/// # Errors
/// The file is damaged, or its pixels are of a kind that is not read.
pub(super) fn read(decoder: impl ImageDecoder) -> Result<Vec<u8>, ImageError> {
    let color = decoder.color_type();
    let size = usize::from(color.bytes_per_pixel());
    let (width, height) = decoder.dimensions();
    let pixels = width as usize * height as usize;
    let mut bytes = vec![0; pixels * size.max(RGB)];
    decoder.read_image(&mut bytes[..pixels * size])?;
    match color {
        ColorType::Rgb8 => {}
        ColorType::L8 => repack(&mut bytes, pixels, |[level]| [level; RGB]),
        ColorType::La8 => repack(&mut bytes, pixels, |[level, _]| [level; RGB]),
        ColorType::Rgba8 => repack(&mut bytes, pixels, |[red, green, blue, _]| {
            [red, green, blue]
        }),
        ColorType::L16 => repack(&mut bytes, pixels, |[a, b]| [high([a, b]); RGB]),
        ColorType::La16 => repack(&mut bytes, pixels, |[a, b, _, _]| [high([a, b]); RGB]),
        ColorType::Rgb16 => repack(&mut bytes, pixels, |[a, b, c, d, e, f]| {
            [high([a, b]), high([c, d]), high([e, f])]
        }),
        ColorType::Rgba16 => repack(&mut bytes, pixels, |[a, b, c, d, e, f, _, _]| {
            [high([a, b]), high([c, d]), high([e, f])]
        }),
        ColorType::Rgb32F | ColorType::Rgba32F | _ => return Err(unsupported(color)),
    }
    bytes.truncate(pixels * RGB);
    bytes.shrink_to_fit();
    Ok(bytes)
}

/// Replaces pixels of `N` bytes by those that `rgb` makes of them, in an order
/// in which none is overwritten before it is read.
fn repack<const N: usize>(bytes: &mut [u8], pixels: usize, rgb: impl Fn([u8; N]) -> [u8; RGB]) {
    let mut replace = |index: usize| {
        let mut pixel = [0; N];
        pixel.copy_from_slice(&bytes[index * N..][..N]);
        bytes[index * RGB..][..RGB].copy_from_slice(&rgb(pixel));
    };
    if N < RGB {
        (0..pixels).rev().for_each(&mut replace);
    } else {
        (0..pixels).for_each(&mut replace);
    }
}

/// The upper eight bits of a level as decoders write it.
fn high(level: [u8; 2]) -> u8 {
    u16::from_ne_bytes(level).to_be_bytes()[0]
}

fn unsupported(color: ColorType) -> ImageError {
    let kind = UnsupportedErrorKind::Color(color.into());
    let format = image::error::ImageFormatHint::Unknown;
    ImageError::Unsupported(UnsupportedError::from_format_and_kind(format, kind))
}
