//! WebP and GIF files that end early.

use super::*;

const INCOMPLETE: &str =
    "face_image ends early or has gaps: the part of it that is missing is grey";

/// The rows of an image.
fn rows(image: &RgbImage) -> impl Iterator<Item = &[u8]> {
    image.pixels().chunks(image.width() * 3)
}

/// A file cut to so many tenths, if anything of it is read.
fn cut(whole: &[u8], tenths: usize) -> Option<RgbImage> {
    let cut = &whole[..whole.len() * tenths / 10];
    let photo = read_image(cut, &ImageLimits::default()).ok()?;
    assert_eq!(photo.warnings, [INCOMPLETE]);
    Some(photo.image)
}

/// How many rows there are before those that are missing.
fn shown(seen: &RgbImage, whole: &RgbImage) -> usize {
    let same = rows(seen).zip(rows(whole)).take_while(|(a, b)| a == b);
    same.count()
}

fn is_grey(row: &[u8]) -> bool {
    row.iter().all(|level| *level == 128)
}

#[test]
fn of_a_webp_as_many_rows_are_shown_as_viewers_show() {
    // Those of libwebp 1.6.0 for each tenth.
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
fn other_kinds_of_webp_are_read_as_far_as_they_are_there() {
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
fn a_webp_that_says_it_is_longer_than_is_read_is_not_completed() {
    let mut file = asset("photo.webp");
    file.truncate(20_000);
    file[4..8].copy_from_slice(&10_000_001_u32.to_le_bytes());
    assert_eq!(refusal(&file), "face_image is truncated or damaged");
}

#[test]
fn of_a_gif_all_pixels_are_shown_that_are_there() {
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
fn rows_of_an_interlaced_gif_stand_for_those_that_are_missing() {
    let file = asset("photo_interlaced.gif");
    let whole = read(&file).unwrap();
    let seen = cut(&file, 5).unwrap();
    let stride = whole.width() * 3;
    // Two of four passes and most of the third one.
    for (place, level) in seen.pixels().iter().enumerate() {
        let row = place / stride;
        let is_right = *level == whole.pixels()[place];
        let is_copy = row > 0 && *level == seen.pixels()[place - stride];
        assert!(is_right || is_copy, "row {row}");
        assert!(is_right || !row.is_multiple_of(4), "row {row}");
    }
}
