//! Photos of every kind that callers send.

mod cut_off;
mod faults;
mod made;
mod table;

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageEncoder, Rgb};
use proptest::prelude::*;

use super::*;

const WIDTH: u32 = 48;
const HEIGHT: u32 = 32;

/// The quadrants of every test image: red, green / blue, white.
const QUADRANTS: [[u8; 3]; 4] = [[220, 40, 40], [40, 200, 60], [40, 60, 210], [240, 240, 240]];

fn quadrants() -> image::RgbImage {
    image::RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let right = usize::from(x >= WIDTH / 2);
        let bottom = usize::from(y >= HEIGHT / 2);
        Rgb(QUADRANTS[right + 2 * bottom])
    })
}

fn file(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.into().write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn read(bytes: &[u8]) -> Result<RgbImage, InputImageError> {
    read_image(bytes, &ImageLimits::default()).map(|photo| photo.image)
}

fn refusal(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

fn asset(name: &str) -> Vec<u8> {
    std::fs::read(format!(
        "{}/tests/assets/images/{name}",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

fn size(image: &RgbImage) -> (u32, u32) {
    (image.width() as u32, image.height() as u32)
}

/// Returns the colours in the middle of the four quadrants.
fn centres(image: &RgbImage) -> [[u8; 3]; 4] {
    let (width, height) = (image.width(), image.height());
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| {
        let offset = (height * y / 4 * width + width * x / 4) * 3;
        image.pixels()[offset..offset + 3].try_into().unwrap()
    })
}

fn assert_quadrants(image: &RgbImage, expected: [[u8; 3]; 4], tolerance: u8, name: &str) {
    for (seen, wanted) in centres(image).iter().zip(&expected) {
        let close = seen
            .iter()
            .zip(wanted)
            .all(|(seen, wanted)| seen.abs_diff(*wanted) <= tolerance);
        assert!(close, "{name}: {seen:?} instead of {wanted:?}");
    }
}

#[test]
fn lossless_files_give_exactly_their_pixels() {
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        let image = read(&file(quadrants(), format)).unwrap();
        assert_eq!(image.pixels(), quadrants().as_raw(), "{format:?}");
        assert_eq!(size(&image), (WIDTH, HEIGHT));
    }
}

#[test]
fn grey_and_16_bit_pixels_become_rgb() {
    let rgb = DynamicImage::from(quadrants());
    let luma = rgb.to_luma8();
    let grey = read(&file(luma.clone(), ImageFormat::Png)).unwrap();
    let expected: Vec<u8> = luma.as_raw().iter().flat_map(|level| [*level; 3]).collect();
    assert_eq!(grey.pixels(), expected);

    let grey_jpeg = read(&file(luma, ImageFormat::Jpeg)).unwrap();
    let levels = centres(&grey);
    assert_quadrants(&grey_jpeg, levels, 4, "grey jpeg");

    for deep in [
        DynamicImage::from(rgb.to_rgb16()),
        DynamicImage::from(rgb.to_rgba16()),
    ] {
        let image = read(&file(deep, ImageFormat::Png)).unwrap();
        assert_eq!(image.pixels(), quadrants().as_raw());
    }
    let deep_grey = read(&file(rgb.to_luma_alpha16(), ImageFormat::Png)).unwrap();
    assert_quadrants(&deep_grey, levels, 1, "16-bit grey");
}

#[test]
fn transparency_is_dropped_and_the_colour_under_it_kept() {
    let mut transparent = DynamicImage::from(quadrants()).to_rgba8();
    for pixel in transparent.pixels_mut() {
        pixel.0[3] = 3;
    }
    let image = read(&file(transparent, ImageFormat::Png)).unwrap();
    assert_eq!(image.pixels(), quadrants().as_raw());
}

/// Returns a minimal EXIF block with one entry, the orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif
}

#[test]
fn all_eight_exif_orientations_are_turned_upright() {
    // Which quadrant of the file is at each position once upright, and whether
    // width and height are swapped.
    for (orientation, order, turned) in [
        (1, [0, 1, 2, 3], false),
        (2, [1, 0, 3, 2], false),
        (3, [3, 2, 1, 0], false),
        (4, [2, 3, 0, 1], false),
        (5, [0, 2, 1, 3], true),
        (6, [2, 0, 3, 1], true),
        (7, [3, 1, 2, 0], true),
        (8, [1, 3, 0, 2], true),
    ] {
        let image = quadrants();
        let (mut jpeg, mut png, mut webp) = (Vec::new(), Vec::new(), Vec::new());
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 95);
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        encoder.encode_image(&image).unwrap();
        let mut encoder = PngEncoder::new(&mut png);
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        let color = image::ExtendedColorType::Rgb8;
        encoder.write_image(&image, WIDTH, HEIGHT, color).unwrap();
        let mut encoder = WebPEncoder::new_lossless(&mut webp);
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        encoder.write_image(&image, WIDTH, HEIGHT, color).unwrap();

        for (file, tolerance, name) in [(jpeg, 4, "jpeg"), (png, 0, "png"), (webp, 0, "webp")] {
            let image = read(&file).unwrap();
            let size = size(&image);
            let upright = if turned {
                (HEIGHT, WIDTH)
            } else {
                (WIDTH, HEIGHT)
            };
            assert_eq!(size, upright, "{name} {orientation}");
            let expected = order.map(|index| QUADRANTS[index]);
            assert_quadrants(
                &image,
                expected,
                tolerance,
                &format!("{name} {orientation}"),
            );
        }
    }
    assert_eq!(
        Orientation::from_exif_chunk(&exif(6)),
        Some(Orientation::Rotate90)
    );
}

#[test]
fn a_file_that_is_too_long_is_refused_by_its_length() {
    let long = vec![0; 10_000_001];
    assert_eq!(refusal(&long), "face_image must not be longer than 10 MB");
}

#[test]
fn an_image_too_small_for_a_face_is_refused() {
    let dot = file(image::RgbImage::new(1, 1), ImageFormat::Png);
    assert_eq!(
        refusal(&dot),
        "face_image of 1x1 pixels is too small, both sides must have at least 32"
    );
    assert!(read(&file(image::RgbImage::new(32, 32), ImageFormat::Png)).is_ok());
    assert!(read(&file(image::RgbImage::new(500, 31), ImageFormat::Png)).is_err());
}

#[test]
fn a_huge_image_is_refused_by_its_header_alone() {
    // Only the header is present: decoding a pixel would give another error.
    let mut png = file(quadrants(), ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let checksum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    assert_eq!(
        refusal(&png),
        "face_image of 30000x30000 pixels is too large, at most 40 megapixels are read"
    );

    let mut gif = file(quadrants(), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    assert!(matches!(
        read(&gif),
        Err(InputImageError::TooLarge {
            width: 65535,
            height: 65535,
            ..
        })
    ));
}

/// Computes the checksum of a PNG chunk.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn limits_are_inclusive() {
    let bytes = file(quadrants(), ImageFormat::Png);
    let mut limits = ImageLimits {
        max_bytes: bytes.len(),
        max_pixels: u64::from(WIDTH * HEIGHT),
        min_side: HEIGHT,
    };
    assert!(read_image(&bytes, &limits).is_ok());
    limits.max_pixels -= 1;
    assert!(matches!(
        read_image(&bytes, &limits),
        Err(InputImageError::TooLarge { .. })
    ));
}

#[test]
fn a_truncated_file_never_passes_for_a_whole_one() {
    for whole in [
        asset("progressive.jpg"),
        asset("restarts.jpg"),
        asset("cmyk.jpg"),
        file(quadrants(), ImageFormat::Png),
        asset("interlaced.png"),
        file(quadrants(), ImageFormat::WebP),
        file(quadrants(), ImageFormat::Gif),
        asset("lossy.webp"),
        asset("lossy_alpha.webp"),
        asset("animated.webp"),
    ] {
        let image = read(&whole).unwrap();
        let mut last = 0;
        for length in 0..whole.len() {
            let Ok(cut) = read_image(&whole[..length], &ImageLimits::default()) else {
                continue;
            };
            // What follows the last pixel may be missing.
            let is_reported = !cut.warnings.is_empty();
            assert!(is_reported || cut.image == image, "cut to {length} bytes");
            // More bytes give at least as many pixels.
            let seen = cut.image.pixels().iter().zip(image.pixels());
            let right = seen.filter(|(cut, whole)| cut == whole).count();
            last = last.max(right);
        }
        // WebP files as small as these may have no row.
        let is_webp = whole.starts_with(b"RIFF");
        assert!(is_webp || last == image.pixels().len(), "{last}");
    }
}

#[test]
fn a_jpeg_of_too_many_scans_is_refused() {
    let whole = asset("progressive.jpg");
    let scans: Vec<usize> = (0..whole.len() - 1)
        .filter(|place| whole[*place..].starts_with(b"\xff\xda"))
        .collect();
    let (first, last) = whole.split_at(*scans.last().unwrap());
    let end = last.len() - 2;
    for (more, is_read) in [(200 - scans.len(), true), (201 - scans.len(), false)] {
        let file = [first, &last[..end].repeat(more + 1), &last[end..]].concat();
        let read = read(&file);
        let refused = matches!(read, Err(InputImageError::TooDemanding(_)));
        assert_eq!((read.is_ok(), refused), (is_read, !is_read), "{more} more");
    }
}

#[test]
fn what_follows_the_end_of_a_jpeg_does_not_matter() {
    let mut bytes = asset("progressive.jpg");
    let image = read(&bytes).unwrap();
    bytes.extend(b"appended by a camera");
    assert_eq!(read(&bytes).unwrap(), image);
}

proptest! {
    #[test]
    fn damage_anywhere_never_panics(
        which in 0_usize..7,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let names = [
            "cmyk.jpg", "progressive.jpg", "restarts.jpg", "lossy_alpha.webp",
            "animated.webp", "animated.gif", "palette.png",
        ];
        let mut bytes = asset(names[which]);
        for (index, byte) in damage {
            let position = index.index(bytes.len());
            bytes[position] = byte;
        }
        if let Ok(image) = read(&bytes) {
            prop_assert!(image.width() >= 32 && image.height() >= 32);
        }
    }
}
