//! WebP and GIF files that end early.

use super::*;

const INCOMPLETE: &str =
    "face_image ends early or has gaps: the part of it that is missing is grey";

/// Returns the rows of an image.
fn rows(image: &RgbImage) -> impl Iterator<Item = &[u8]> {
    image.pixels().chunks(image.width() * 3)
}

/// Decodes a file cut to this many tenths, if anything of it can be decoded.
fn cut(whole: &[u8], tenths: usize) -> Option<RgbImage> {
    let cut = &whole[..whole.len() * tenths / 10];
    let photo = read_image(cut, &ImageLimits::default()).ok()?;
    assert_eq!(photo.warnings, [INCOMPLETE]);
    Some(photo.image)
}

/// Returns how many rows there are before the missing ones.
fn shown(seen: &RgbImage, whole: &RgbImage) -> usize {
    let same = rows(seen).zip(rows(whole)).take_while(|(a, b)| a == b);
    same.count()
}

fn is_grey(row: &[u8]) -> bool {
    row.iter().all(|level| *level == 128)
}

#[test]
fn a_truncated_webp_has_as_many_rows_as_viewers_show() {
    // The rows that libwebp 1.6.0 decodes at each tenth.
    for (name, viewers) in [
        ("photo.webp", [0_usize, 16, 32, 48, 64, 80, 96, 112, 128]),
        ("photo_lossy.webp", [0, 0, 7, 23, 39, 55, 71, 103, 119]),
    ] {
        let file = asset(name);
        let whole = read(&file).unwrap();
        for (rows_of_viewer, tenths) in viewers.into_iter().zip(1..) {
            let seen = cut(&file, tenths);
            let count = seen.as_ref().map_or(0, |seen| shown(seen, &whole));
            let close = rows_of_viewer.saturating_sub(16)..=rows_of_viewer + 16;
            assert!(close.contains(&count), "{name}, {tenths}: {count} rows");
            let mut missing = seen.iter().flat_map(rows).skip(count);
            assert!(missing.all(is_grey), "{name}, {tenths}");
        }
    }
}

#[test]
fn other_kinds_of_truncated_webp_are_read_as_far_as_possible() {
    for name in ["lossy_alpha.webp", "lossless_alpha.webp", "animated.webp"] {
        let file = asset(name);
        let whole = read(&file).unwrap();
        for length in 0..file.len() {
            let Ok(seen) = read_image(&file[..length], &ImageLimits::default()) else {
                continue;
            };
            let count = shown(&seen.image, &whole);
            let mut missing = rows(&seen.image).skip(count);
            assert!(count > 0 && missing.all(is_grey), "{name} cut to {length}");
        }
    }
}

#[test]
fn a_webp_with_a_length_above_the_limit_is_not_completed() {
    let mut file = asset("photo.webp");
    file.truncate(20_000);
    file[4..8].copy_from_slice(&10_000_001_u32.to_le_bytes());
    assert_eq!(refusal(&file), "face_image is truncated or damaged");
}

#[test]
fn a_truncated_gif_shows_all_pixels_that_it_has() {
    let file = asset("photo.gif");
    let whole = read(&file).unwrap();
    for tenths in 2..10 {
        let seen = cut(&file, tenths).unwrap();
        let pairs = seen.pixels().iter().zip(whole.pixels());
        let count = pairs.take_while(|(a, b)| a == b).count();
        assert!(count > whole.pixels().len() * (tenths - 1) / 10, "{tenths}");
        assert!(is_grey(&seen.pixels()[count..]), "{tenths}");
    }
}

#[test]
fn rows_of_an_interlaced_gif_fill_missing_ones() {
    let file = asset("photo_interlaced.gif");
    let whole = read(&file).unwrap();
    let seen = cut(&file, 5).unwrap();
    let stride = whole.width() * 3;
    // Two of four passes and most of the third.
    for (place, level) in seen.pixels().iter().enumerate() {
        let row = place / stride;
        let is_right = *level == whole.pixels()[place];
        let is_copy = row > 0 && *level == seen.pixels()[place - stride];
        assert!(is_right || is_copy, "row {row}");
        assert!(is_right || !row.is_multiple_of(4), "row {row}");
    }
}
