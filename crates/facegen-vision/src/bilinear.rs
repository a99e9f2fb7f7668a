//! Bilinear resizing exactly like OpenCV 4.10's for 8-bit images.
//!
//! Follows `modules/imgproc/src/resize.cpp` (`resizeGeneric_`, `INTER_LINEAR`):
//! weights of 11 bits, a horizontal pass in 32-bit integers, and a vertical
//! pass that drops low bits before it multiplies. There is no smoothing when
//! the image shrinks, so a plain floating-point version differs.

use facegen_image::{CHANNELS, RgbImage};

/// One in OpenCV's fixed-point weights (`INTER_RESIZE_COEF_SCALE`).
const WEIGHT_ONE: f32 = 2048.0;

/// The two source positions that contribute to one output position, with weights.
#[derive(Clone, Copy)]
struct Taps {
    positions: [usize; 2],
    weights: [i32; 2],
}

/// Resizes like OpenCV 4.10's `cv2.resize(image, (width, height))`, byte for
/// byte. A side of 0 is treated as 1.
#[must_use]
pub fn resize_bilinear(image: &RgbImage, width: usize, height: usize) -> RgbImage {
    let mut resized = RgbImage::black(width.max(1), height.max(1));
    let columns: Vec<Taps> = (0..resized.width())
        .map(|x| column_taps(x, image.width(), resized.width()))
        .collect();
    let mut upper = vec![0; resized.width() * CHANNELS];
    let mut lower = upper.clone();
    for y in 0..resized.height() {
        let taps = row_taps(y, image.height(), resized.height());
        mix_columns(image.row(taps.positions[0]), &columns, &mut upper);
        mix_columns(image.row(taps.positions[1]), &columns, &mut lower);
        mix_rows(&upper, &lower, taps.weights, resized.row_mut(y));
    }
    resized
}

/// Returns the source coordinate of output `index`: whole part and fraction.
/// OpenCV inverts the inverted scale in `f64` and rounds to `f32` once.
fn source_coordinate(index: usize, source: usize, target: usize) -> (f32, f32) {
    let scale = 1.0 / (target as f64 / source as f64);
    let coordinate = ((index as f64 + 0.5) * scale - 0.5) as f32;
    (coordinate.floor(), coordinate - coordinate.floor())
}

fn fixed_point(fraction: f32) -> [i32; 2] {
    [1.0 - fraction, fraction].map(|weight| (weight * WEIGHT_ONE).round_ties_even() as i32)
}

/// Clamps the position and drops the fraction at the borders, like OpenCV in x.
fn column_taps(x: usize, source: usize, target: usize) -> Taps {
    let (whole, fraction) = source_coordinate(x, source, target);
    let last = source - 1;
    let (position, fraction) = if whole < 0.0 {
        (0, 0.0)
    } else if whole as usize >= last {
        (last, 0.0)
    } else {
        (whole as usize, fraction)
    };
    Taps {
        positions: [position, (position + 1).min(last)],
        weights: fixed_point(fraction),
    }
}

/// Keeps the fraction and only clamps the two rows, like OpenCV in y.
fn row_taps(y: usize, source: usize, target: usize) -> Taps {
    let (whole, fraction) = source_coordinate(y, source, target);
    let clamp = |row: f32| (row.max(0.0) as usize).min(source - 1);
    Taps {
        positions: [clamp(whole), clamp(whole + 1.0)],
        weights: fixed_point(fraction),
    }
}

fn mix_columns(row: &[u8], columns: &[Taps], mixed: &mut [i32]) {
    for (taps, pixel) in columns.iter().zip(mixed.chunks_exact_mut(CHANNELS)) {
        let [left, right] = taps.positions.map(|x| &row[x * CHANNELS..][..CHANNELS]);
        for ((value, &left), &right) in pixel.iter_mut().zip(left).zip(right) {
            *value = i32::from(left) * taps.weights[0] + i32::from(right) * taps.weights[1];
        }
    }
}

fn mix_rows(upper: &[i32], lower: &[i32], weights: [i32; 2], row: &mut [u8]) {
    for ((value, &upper), &lower) in row.iter_mut().zip(upper).zip(lower) {
        let sum = ((weights[0] * (upper >> 4)) >> 16) + ((weights[1] * (lower >> 4)) >> 16);
        *value = ((sum + 2) >> 2).clamp(0, 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_is_the_same_image() {
        let image = RgbImage::new(3, 2, (0..18).map(|value| value * 14).collect()).unwrap();
        assert_eq!(resize_bilinear(&image, 3, 2), image);
    }

    #[test]
    fn one_pixel_fills_any_size() {
        let image = RgbImage::new(1, 1, vec![7, 130, 255]).unwrap();
        let large = resize_bilinear(&image, 5, 4);
        assert_eq!(large.pixels(), [7, 130, 255].repeat(20));
    }

    #[test]
    fn halving_averages_four_pixels() {
        let image = RgbImage::new(2, 2, [0, 10, 20, 31].map(|grey| [grey; 3]).concat()).unwrap();
        assert_eq!(resize_bilinear(&image, 1, 1).pixels(), [15; 3]);
    }

    #[test]
    fn a_size_of_zero_is_treated_as_one() {
        let image = RgbImage::new(1, 1, vec![1, 2, 3]).unwrap();
        assert_eq!(resize_bilinear(&image, 0, 0), image);
    }
}
