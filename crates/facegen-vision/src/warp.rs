//! Affine warping exactly like OpenCV 4.10's for 8-bit images.
//!
//! Follows `modules/imgproc/src/imgwarp.cpp` (`warpAffine`, `INTER_LINEAR`,
//! `BORDER_CONSTANT` black): source coordinates on a grid of 1/32 pixel, and
//! weights that are integers on it. OpenCV 5 interpolates in floating point and
//! differs in about a seventh of the bytes.

use facegen_image::{CHANNELS, RgbImage};

/// A map from source to output coordinates: `[x', y'] = matrix * [x, y, 1]`.
pub type AffineMatrix = [[f64; 3]; 2];

/// Fixed-point steps per pixel while coordinates are summed (`AB_SCALE`).
const SUM_SCALE: f64 = 1024.0;
/// From those steps to the interpolation grid of 1/32 pixel, rounding half up.
const SUM_SHIFT: u32 = 5;
const SUM_HALF: i64 = 16;
/// The interpolation grid: 32 positions per pixel (`INTER_BITS`).
const GRID_SHIFT: u32 = 5;
const GRID: i64 = 1 << GRID_SHIFT;

/// Computes `size` × `size` pixels through `matrix` (source to output); black
/// outside `image`. Equal byte for byte to `cv2.warpAffine(image, matrix,
/// (size, size), borderValue=0)` of OpenCV 4.10 for images up to 32767 pixels
/// per side. A size of 0 is treated as 1.
#[must_use]
pub fn warp_affine(image: &RgbImage, matrix: &AffineMatrix, size: usize) -> RgbImage {
    let inverse = inverted(matrix);
    let mut warped = RgbImage::black(size.max(1), size.max(1));
    for y in 0..warped.height() {
        let start = [0, 1].map(|axis| {
            let [_, along_y, offset] = inverse[axis];
            fixed_point(along_y * y as f64 + offset) + SUM_HALF
        });
        for (x, pixel) in warped.row_mut(y).chunks_exact_mut(CHANNELS).enumerate() {
            let [source_x, source_y] = [0, 1]
                .map(|axis| (start[axis] + fixed_point(inverse[axis][0] * x as f64)) >> SUM_SHIFT);
            interpolate(image, source_x, source_y, pixel);
        }
    }
    warped
}

/// Returns the inverse map, in OpenCV's order of operations; zeros if there is
/// no inverse, as in OpenCV.
fn inverted(matrix: &AffineMatrix) -> AffineMatrix {
    let [[a, b, x], [c, d, y]] = *matrix;
    let determinant = a * d - b * c;
    let factor = if determinant == 0.0 {
        0.0
    } else {
        1.0 / determinant
    };
    let (a, b, c, d) = (d * factor, -b * factor, -c * factor, a * factor);
    [[a, b, -a * x - b * y], [c, d, -c * x - d * y]]
}

/// Rounds half to even and saturates like OpenCV's `saturate_cast<int>`.
fn fixed_point(value: f64) -> i64 {
    i64::from((value * SUM_SCALE).round_ties_even() as i32)
}

/// Interpolates the colour at a point of the 1/32 pixel grid.
fn interpolate(image: &RgbImage, x: i64, y: i64, pixel: &mut [u8]) {
    let (left, top) = (x >> GRID_SHIFT, y >> GRID_SHIFT);
    let (right_weight, bottom_weight) = (x & (GRID - 1), y & (GRID - 1));
    let (left_weight, top_weight) = (GRID - right_weight, GRID - bottom_weight);
    let mut sums = [GRID * GRID / 2; CHANNELS];
    for (dx, dy, weight) in [
        (0, 0, left_weight * top_weight),
        (1, 0, right_weight * top_weight),
        (0, 1, left_weight * bottom_weight),
        (1, 1, right_weight * bottom_weight),
    ] {
        if let Some(colour) = pixel_at(image, left + dx, top + dy) {
            for (sum, &value) in sums.iter_mut().zip(colour) {
                *sum += weight * i64::from(value);
            }
        }
    }
    for (byte, sum) in pixel.iter_mut().zip(sums) {
        *byte = (sum / (GRID * GRID)) as u8;
    }
}

fn pixel_at(image: &RgbImage, x: i64, y: i64) -> Option<&[u8]> {
    let x = usize::try_from(x).ok().filter(|&x| x < image.width())?;
    let y = usize::try_from(y).ok().filter(|&y| y < image.height())?;
    image.row(y).get(x * CHANNELS..(x + 1) * CHANNELS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> RgbImage {
        RgbImage::new(
            2,
            2,
            vec![10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120],
        )
        .unwrap()
    }

    #[test]
    fn the_identity_changes_nothing() {
        let matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        assert_eq!(warp_affine(&image(), &matrix, 2), image());
    }

    #[test]
    fn a_shift_by_half_a_pixel_averages_and_fades_to_black() {
        let matrix = [[1.0, 0.0, -0.5], [0.0, 1.0, 0.0]];
        let warped = warp_affine(&image(), &matrix, 2);
        assert_eq!(
            warped.pixels(),
            [25, 35, 45, 20, 25, 30, 85, 95, 105, 50, 55, 60]
        );
    }

    #[test]
    fn far_outside_and_singular_matrices_still_return_an_image() {
        let away = [[1.0, 0.0, 1e300], [0.0, 1.0, -1e300]];
        assert_eq!(warp_affine(&image(), &away, 3).pixels(), [0; 27]);
        let singular = [[0.0; 3]; 2];
        assert_eq!(warp_affine(&image(), &singular, 1).pixels(), [10, 20, 30]);
    }
}
