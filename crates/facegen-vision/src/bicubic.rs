//! Bicubic resizing exactly like Pillow's for 8-bit images.
//!
//! Follows Pillow's `src/libImaging/Resample.c`: the filter widens when the
//! image shrinks, weights are normalised in `f64` and rounded to 22 bits, and
//! the image is rounded to bytes between the horizontal and the vertical pass.

use std::ops::Range;

use facegen_image::{CHANNELS, RgbImage};

/// Bits after the point of a weight (`PRECISION_BITS`).
const PRECISION: u32 = 32 - 8 - 2;
/// The support of Pillow's bicubic filter, in source pixels at scale 1.
const SUPPORT: f64 = 2.0;

/// The range of source positions that contribute to one output position.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// Resizes like Pillow's `image.resize((width, height), Image.BICUBIC)`, byte
/// for byte. A side of 0 is treated as 1.
#[must_use]
pub fn resize_bicubic(image: &RgbImage, width: usize, height: usize) -> RgbImage {
    let (width, height) = (width.max(1), height.max(1));
    let columns = axis_taps(image.width(), width, 0..width);
    let rows = axis_taps(image.height(), height, 0..height);
    resample(image, &columns, &rows)
}

/// Scales `image` so that its shorter edge has `size` pixels and crops `size` ×
/// `size` pixels from the middle, like CLIP's image processor with Pillow
/// (`shortest_edge` resizing, then `center_crop`). Only the pixels inside the
/// crop are computed, so a very long image costs no more than a square one.
#[must_use]
pub fn resize_and_center_crop(image: &RgbImage, size: usize) -> RgbImage {
    let size = size.max(1);
    let shorter = image.width().min(image.height());
    let axis = |source: usize| {
        // Python: `int(size * long / short)`; the shorter edge becomes `size`.
        let target = (size as f64 * source as f64 / shorter as f64) as usize;
        let first = (target - size) / 2;
        axis_taps(source, target, first..first + size)
    };
    resample(image, &axis(image.width()), &axis(image.height()))
}

/// Returns the taps of output positions `window`, from `source` to `target`.
fn axis_taps(source: usize, target: usize, window: Range<usize>) -> Vec<Taps> {
    let scale = source as f64 / target as f64;
    window
        .map(|index| taps((index as f64 + 0.5) * scale, scale.max(1.0), source))
        .collect()
}

/// Returns a filter's taps around `center` (source pixels), widened by `stretch`.
fn taps(center: f64, stretch: f64, source: usize) -> Taps {
    let reach = SUPPORT * stretch;
    // The casts truncate towards zero as in C and saturate at 0.
    let first = (center - reach + 0.5) as usize;
    let end = ((center + reach + 0.5) as usize).min(source);
    let weights: Vec<f64> = (first..end)
        .map(|position| filter((position as f64 - center + 0.5) * (1.0 / stretch)))
        .collect();
    let sum: f64 = weights.iter().sum();
    Taps {
        first,
        weights: weights
            .iter()
            .map(|weight| fixed_point(weight / sum))
            .collect(),
    }
}

/// Evaluates Keys' cubic convolution kernel with a = -0.5.
fn filter(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn fixed_point(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION);
    (scaled + 0.5_f64.copysign(scaled)) as i32
}

/// Runs the horizontal pass over the rows that are needed, then the vertical one.
fn resample(image: &RgbImage, columns: &[Taps], rows: &[Taps]) -> RgbImage {
    let first = rows.iter().map(|taps| taps.first).min().unwrap_or(0);
    let end = rows
        .iter()
        .map(|taps| taps.first + taps.weights.len())
        .max();
    let end = end.unwrap_or(first);
    let mut narrowed = RgbImage::black(columns.len(), end - first);
    for y in first..end {
        mix_columns(image.row(y), columns, narrowed.row_mut(y - first));
    }
    let mut resampled = RgbImage::black(columns.len(), rows.len());
    for (y, taps) in rows.iter().enumerate() {
        mix_rows(
            &narrowed,
            taps.first - first,
            &taps.weights,
            resampled.row_mut(y),
        );
    }
    resampled
}

fn mix_columns(row: &[u8], columns: &[Taps], mixed: &mut [u8]) {
    for (taps, pixel) in columns.iter().zip(mixed.chunks_exact_mut(CHANNELS)) {
        let mut sums = [1 << (PRECISION - 1); CHANNELS];
        let sources = row[taps.first * CHANNELS..].chunks_exact(CHANNELS);
        for (source, &weight) in sources.zip(&taps.weights) {
            for (sum, &value) in sums.iter_mut().zip(source) {
                *sum += i32::from(value) * weight;
            }
        }
        pixel.copy_from_slice(&sums.map(to_byte));
    }
}

fn mix_rows(image: &RgbImage, first: usize, weights: &[i32], mixed: &mut [u8]) {
    let mut sums = vec![1 << (PRECISION - 1); mixed.len()];
    for (y, &weight) in (first..).zip(weights) {
        for (sum, &value) in sums.iter_mut().zip(image.row(y)) {
            *sum += i32::from(value) * weight;
        }
    }
    for (byte, sum) in mixed.iter_mut().zip(sums) {
        *byte = to_byte(sum);
    }
}

fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> RgbImage {
        let pixels = (0..width * height * 3).map(|index| (index * 37 % 256) as u8);
        RgbImage::new(width, height, pixels.collect()).unwrap()
    }

    #[test]
    fn the_same_size_is_the_same_image() {
        assert_eq!(resize_bicubic(&ramp(5, 4), 5, 4), ramp(5, 4));
    }

    #[test]
    fn one_pixel_fills_any_size() {
        let image = RgbImage::new(1, 1, vec![7, 130, 255]).unwrap();
        assert_eq!(
            resize_bicubic(&image, 6, 3).pixels(),
            [7, 130, 255].repeat(18)
        );
    }

    #[test]
    fn the_crop_is_the_middle_of_the_image() {
        for (width, height) in [(9, 30), (31, 8), (12, 12)] {
            let image = ramp(width, height);
            let shorter = width.min(height);
            let whole = resize_bicubic(&image, 6 * width / shorter, 6 * height / shorter);
            let (left, top) = ((whole.width() - 6) / 2, (whole.height() - 6) / 2);
            let crop = resize_and_center_crop(&image, 6);
            for y in 0..6 {
                assert_eq!(crop.row(y), &whole.row(top + y)[left * 3..][..18]);
            }
        }
    }

    #[test]
    fn a_line_of_a_million_pixels_costs_no_more_than_its_middle() {
        let line = RgbImage::new(1, 1_000_000, vec![9; 3_000_000]).unwrap();
        assert_eq!(
            resize_and_center_crop(&line, 224).pixels(),
            vec![9; 224 * 224 * 3]
        );
    }
}
