use std::collections::BTreeSet;

use facegen_core::SafetyAction;
use facegen_image::RgbImage;

use super::*;

const ACTIONS: [SafetyAction; 4] = [
    SafetyAction::Blur,
    SafetyAction::SensitiveContentText,
    SafetyAction::Pixelate,
    SafetyAction::Black,
];
const SIZES: [(usize, usize); 5] = [(64, 64), (768, 512), (512, 768), (64, 768), (200, 72)];

/// Draws waves of every width, from the whole image to two pixels, so that
/// there is detail to remove at every scale.
fn waves(width: usize, height: usize) -> RgbImage {
    let mut pixels = Vec::with_capacity(width * height * 3);
    for index in 0..width * height {
        let (x, y) = ((index % width) as f32, (index / width) as f32);
        for channel in 0..3 {
            let wave = |period: f32| {
                let turn = std::f32::consts::TAU / period;
                (x * turn + channel as f32).sin() * (y * turn + 0.7).cos()
            };
            let value: f32 = [2.3, 5.0, 11.0, 23.0, 50.0, 400.0].map(wave).iter().sum();
            pixels.push((128.0 + value * 30.0).clamp(0.0, 255.0) as u8);
        }
    }
    RgbImage::new(width, height, pixels).unwrap()
}

/// Returns the energy of the differences between pixels `step` apart, in one row.
fn detail(image: &RgbImage, step: usize) -> f64 {
    let differences = (0..image.height()).flat_map(|y| {
        let row = image.row(y);
        row.iter()
            .zip(&row[step * 3..])
            .map(|(a, b)| f64::from(i16::from(*a) - i16::from(*b)).powi(2))
    });
    let (sum, count) = differences.fold((0.0, 0), |(sum, count), next| (sum + next, count + 1));
    sum / f64::from(count)
}

/// Returns the similarity of the fine structures of two images, from -1 to 1:
/// the correlation of what is left after subtracting a local average.
fn likeness(one: &RgbImage, other: &RgbImage, reach: usize) -> f64 {
    let residue = |image: &RgbImage| -> Vec<f64> {
        let mut residue = Vec::new();
        for y in 0..image.height() {
            let row = image.row(y);
            for at in reach * 3..row.len() - reach * 3 {
                let around = f64::from(row[at - reach * 3]) + f64::from(row[at + reach * 3]);
                residue.push(f64::from(row[at]) - around / 2.0);
            }
        }
        residue
    };
    let (one, other) = (residue(one), residue(other));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    product(&one, &other)
        / (product(&one, &one) * product(&other, &other))
            .sqrt()
            .max(1e-9)
}

fn colours(image: &RgbImage) -> usize {
    let pixels = image.pixels().chunks_exact(3);
    pixels.collect::<BTreeSet<_>>().len()
}

#[test]
fn every_action_keeps_the_size() {
    for (width, height) in SIZES.into_iter().chain([(1, 1), (3, 900), (1, 64)]) {
        let image = RgbImage::new(width, height, vec![77; width * height * 3]).unwrap();
        for action in ACTIONS {
            let redacted = redact(&image, action);
            assert_eq!((redacted.width(), redacted.height()), (width, height));
        }
    }
}

#[test]
fn black_and_the_card_do_not_depend_on_the_image() {
    for (width, height) in SIZES {
        let one = waves(width, height);
        let bytes = one.pixels().iter().map(|byte| 255 - byte);
        let other = RgbImage::new(width, height, bytes.collect()).unwrap();
        let black = redact(&one, SafetyAction::Black);
        assert!(black.pixels().iter().all(|byte| *byte == 0));
        let card = |image| redact(image, SafetyAction::SensitiveContentText);
        assert_eq!(card(&one), card(&other));
    }
}

#[test]
fn pixelating_keeps_at_most_64_cells() {
    for (width, height) in SIZES {
        let redacted = redact(&waves(width, height), SafetyAction::Pixelate);
        let left = colours(&redacted);
        assert!((2..=64).contains(&left), "{width}x{height}: {left} colours");
        let columns: BTreeSet<Vec<u8>> = (0..width)
            .map(|x| {
                (0..height)
                    .flat_map(|y| redacted.row(y)[x * 3..x * 3 + 3].to_vec())
                    .collect()
            })
            .collect();
        assert!(
            columns.len() <= 8,
            "{width}x{height}: {} columns",
            columns.len()
        );
    }
}

/// Two images with the same averages are blurred to the same bytes: detail
/// finer than a cell is lost and cannot be restored.
#[test]
fn detail_finer_than_a_cell_is_lost() {
    let (width, height) = (96, 96);
    let board = |phase: usize| {
        let value = |index: usize| ((index % width + index / width + phase) % 2 * 255) as u8;
        let pixels = (0..width * height).flat_map(|index| [value(index); 3]);
        RgbImage::new(width, height, pixels.collect()).unwrap()
    };
    for action in [SafetyAction::Blur, SafetyAction::Pixelate] {
        assert_eq!(redact(&board(0), action), redact(&board(1), action));
    }
}

#[test]
fn blurring_removes_all_detail() {
    for (width, height) in SIZES {
        let image = waves(width, height);
        let redacted = redact(&image, SafetyAction::Blur);
        for step in [1, 4] {
            let left = detail(&redacted, step) / detail(&image, step);
            assert!(
                left < 0.01,
                "{width}x{height}: {left} of the detail is left"
            );
        }
        let alike = likeness(&image, &redacted, 3).abs();
        assert!(alike < 0.1, "{width}x{height}: {alike}");
        let same = likeness(&image, &image, 3);
        assert!((same - 1.0).abs() < 1e-9, "the measure knows a copy");
    }
}

#[test]
fn blurring_keeps_the_colours() {
    let half = |index: usize| {
        if index % 64 < 32 {
            [220, 40, 40]
        } else {
            [30, 60, 200]
        }
    };
    let image = RgbImage::new(64, 64, (0..64 * 64).flat_map(half).collect()).unwrap();
    let redacted = redact(&image, SafetyAction::Blur);
    let (left, right) = (&redacted.row(32)[..3], &redacted.row(32)[63 * 3..]);
    assert!(left[0] > 180 && left[2] < 80, "{left:?}");
    assert!(right[0] < 80 && right[2] > 160, "{right:?}");
}

/// The text is visible at every size: bright strokes, not touching the edges.
#[test]
fn the_card_has_text_at_every_size() {
    for (width, height) in SIZES {
        let card = redact(&waves(width, height), SafetyAction::SensitiveContentText);
        let bright = |pixel: &[u8]| pixel[0] > 200;
        let written = card
            .pixels()
            .chunks_exact(3)
            .filter(|pixel| bright(pixel))
            .count();
        assert!(
            written * 200 > width * height / 2,
            "{width}x{height}: {written} pixels"
        );
        for y in 0..height {
            let row = card.row(y);
            assert!(
                !bright(&row[..3]) && !bright(&row[row.len() - 3..]),
                "{width}x{height}"
            );
        }
    }
}
