//! Reads PNG files row by row, as far as rows are present.

use std::io::Cursor;

use image::ColorType;
use image::metadata::Orientation;
use png::{BitDepth, InterlaceInfo, Limits, Reader, Transformations};

use super::chunks::PngChunks;
use super::memory::MAX_METADATA;
use super::{
    Decoded, ImageLimits, InputImageError, Warning, Warnings, check_size, orientation, rgb,
};

/// Bits per pixel of red, green and blue.
const BITS: u8 = 24;
/// The first row of each pass of an interlaced image, and the distance between
/// its rows.
const PASSES: [(u32, u32, u32); 7] = [
    (0, 0, 8),
    (4, 0, 8),
    (0, 4, 8),
    (2, 0, 4),
    (0, 2, 4),
    (1, 0, 2),
    (0, 1, 2),
];
/// The most bytes of a text that are decompressed.
const MAX_TEXT: usize = 1 << 18;
/// The keywords of texts that hold EXIF data.
const PROFILES: [&str; 2] = ["Raw profile type exif", "Raw profile type APP1"];

type Source<'b> = Reader<Cursor<&'b [u8]>>;

/// Reads a PNG file.
///
/// # Errors
/// See [`read_image`](super::read_image).
pub(super) fn read(
    bytes: &[u8],
    limits: &ImageLimits,
    warnings: &mut Warnings,
) -> Result<Decoded, InputImageError> {
    let chunks = PngChunks::read(bytes);
    if chunks.has_wrong_header {
        return Err(InputImageError::Damaged(None));
    }
    let memory = Limits {
        bytes: MAX_METADATA,
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), memory);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    // They were checked above: pixels with a wrong one are accepted, with a
    // warning.
    decoder.ignore_checksums(true);
    let header = decoder.read_header_info().map_err(refusal)?;
    let size = (header.width, header.height);
    check_size(size, limits.max_pixels, limits)?;
    let mut reader = decoder.read_info().map_err(refusal)?;
    let mut rgb = vec![rgb::MISSING; size.0 as usize * size.1 as usize * rgb::RGB];
    if let Err(missing) = read_rows(&mut reader, size, &mut rgb) {
        let Missing::Some = missing else {
            return Err(InputImageError::Damaged(None));
        };
        warnings.add(Warning::Incomplete);
    } else if !chunks.has_end {
        warnings.add(Warning::NoEnd);
    }
    if chunks.has_wrong_data {
        warnings.add(Warning::Damaged);
    }
    // The chunks after the pixels may hold the orientation, and may be damaged.
    let _ = reader.finish();
    Ok(Decoded {
        size,
        rgb,
        orientation: orientation_of(&reader),
    })
}

fn refusal(error: png::DecodingError) -> InputImageError {
    match error {
        png::DecodingError::LimitsExceeded => InputImageError::TooDemanding(Some(error.into())),
        png::DecodingError::IoError(_)
        | png::DecodingError::Format(_)
        | png::DecodingError::Parameter(_) => InputImageError::Damaged(Some(error.into())),
    }
}

/// The number of missing rows.
enum Missing {
    Some,
    All,
}

fn read_rows(reader: &mut Source<'_>, size: (u32, u32), rgb: &mut [u8]) -> Result<(), Missing> {
    let color = color_type(reader).ok_or(Missing::All)?;
    let stride = size.0 as usize * rgb::RGB;
    let mut pixels = Vec::new();
    for number in 0..count_rows(size, reader.info().interlaced) {
        let missing = if number == 0 {
            Missing::All
        } else {
            Missing::Some
        };
        let Ok(Some(row)) = reader.next_interlaced_row() else {
            return Err(missing);
        };
        rgb::convert(color, row.data(), &mut pixels);
        match row.interlace() {
            InterlaceInfo::Null(_) => {
                let target = rgb.get_mut(number * stride..).unwrap_or_default();
                let levels = target.iter_mut().zip(&pixels);
                levels.for_each(|(target, level)| *target = *level);
            }
            // A pixel of an early pass also fills those of later ones, until
            // they are decoded.
            InterlaceInfo::Adam7(info) => {
                png::splat_interlaced_row(rgb, stride, &pixels, info, BITS);
            }
        }
    }
    Ok(())
}

/// Counts the rows of all passes that have pixels.
fn count_rows((width, height): (u32, u32), interlaced: bool) -> usize {
    if !interlaced {
        return height as usize;
    }
    let rows = PASSES.iter().map(|(left, top, down)| {
        if *left < width {
            height.saturating_sub(*top).div_ceil(*down) as usize
        } else {
            0
        }
    });
    rows.sum()
}

/// Returns the type of pixels, once palettes and fewer than 8 bits are
/// expanded.
fn color_type(reader: &Source<'_>) -> Option<ColorType> {
    match reader.output_color_type() {
        (png::ColorType::Grayscale, BitDepth::Eight) => Some(ColorType::L8),
        (png::ColorType::GrayscaleAlpha, BitDepth::Eight) => Some(ColorType::La8),
        (png::ColorType::Rgb, BitDepth::Eight) => Some(ColorType::Rgb8),
        (png::ColorType::Rgba, BitDepth::Eight) => Some(ColorType::Rgba8),
        _ => None,
    }
}

fn orientation_of(reader: &Source<'_>) -> Orientation {
    let info = reader.info();
    if let Some(exif) = &info.exif_metadata {
        return orientation::of_exif(exif);
    }
    let is_profile = |keyword: &str| PROFILES.contains(&keyword);
    let packed = info
        .compressed_latin1_text
        .iter()
        .find(|text| is_profile(&text.keyword));
    let plain = info
        .uncompressed_latin1_text
        .iter()
        .find(|text| is_profile(&text.keyword));
    let text = match (packed, plain) {
        (Some(text), _) => {
            let mut text = text.clone();
            let unpacked = text.decompress_text_with_limit(MAX_TEXT);
            unpacked.and_then(|()| text.get_text()).ok()
        }
        (None, text) => text.map(|text| text.text.clone()),
    };
    text.and_then(|text| orientation::raw_profile(&text))
        .map_or(Orientation::NoTransforms, |exif| {
            orientation::of_exif(&exif)
        })
}
