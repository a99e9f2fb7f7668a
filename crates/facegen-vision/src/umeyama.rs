//! The similarity transform between two sets of five points.
//!
//! Follows scikit-image 0.26 `skimage/transform/_geometric.py` (`_umeyama`; the
//! method is Umeyama's, PAMI 1991) on `f32` points, to the bit: means, the
//! covariance and the variance are `f32` there (the covariance with fused
//! multiply-adds, as numpy's BLAS computes it on processors that have them),
//! the singular value decomposition is in `f64` and rounded to `f32`, the rest
//! is `f64`. The last bits matter: they decide on which side of a 1/32 pixel
//! the warp reads the photo, and an estimate in `f64` changes a byte in a few
//! thousand.

use crate::warp::AffineMatrix;

/// Points as `[x, y]`.
pub(crate) type Points = [[f32; 2]; 5];

const COUNT: f32 = 5.0;

/// Returns the rotation, scale and shift that bring `from` closest to `to` by
/// least squares; never a reflection. Not finite when `from` is one point.
pub(crate) fn closest_similarity(from: &Points, to: &Points) -> AffineMatrix {
    let (from_mean, from) = centered(from);
    let (to_mean, to) = centered(to);
    let (singular_values, rotation) = optimal_rotation(covariance(&from, &to));
    let scale = f64::from(1.0 / variance(&from)) * singular_values;
    let [mean_x, mean_y] = from_mean.map(f64::from);
    [0, 1].map(|axis| {
        let [along_x, along_y] = rotation[axis];
        let rotated_mean = along_x * mean_x + along_y * mean_y;
        let shift = f64::from(to_mean[axis]) - scale * rotated_mean;
        [scale * along_x, scale * along_y, shift]
    })
}

/// Returns the mean of the points, and the points relative to it.
fn centered(points: &Points) -> ([f32; 2], Points) {
    let mean = mean(points);
    (mean, points.map(|[x, y]| [x - mean[0], y - mean[1]]))
}

fn mean(points: &Points) -> [f32; 2] {
    [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f32>() / COUNT)
}

/// Returns the variance along x plus the one along y.
fn variance(points: &Points) -> f32 {
    let (_, points) = centered(points);
    mean(&points.map(|point| point.map(|value| value * value)))
        .iter()
        .sum()
}

/// Computes `toᵀ · from / 5`.
fn covariance(from: &Points, to: &Points) -> [[f32; 2]; 2] {
    let entry = |row: usize, column: usize| {
        let pairs = to.iter().zip(from);
        pairs.fold(0.0, |sum, (to, from)| to[row].mul_add(from[column], sum)) / COUNT
    };
    [[entry(0, 0), entry(0, 1)], [entry(1, 0), entry(1, 1)]]
}

/// Returns the sum of the singular values (the smaller one negative where the
/// best match would be a reflection) and the rotation `U · V`. With both
/// factors of the decomposition taken as rotations, the smaller value already
/// includes the sign correction of Umeyama's method.
fn optimal_rotation(covariance: [[f32; 2]; 2]) -> (f64, [[f64; 2]; 2]) {
    let [[a, b], [c, d]] = covariance.map(|row| row.map(f64::from));
    let (sum, difference) = ((c - b).hypot(a + d) / 2.0, (b + c).hypot(a - d) / 2.0);
    let (largest, smallest) = ((sum + difference) as f32, (sum - difference) as f32);
    let (turn, axis) = ((c - b).atan2(a + d), (b + c).atan2(a - d));
    let left = rounded_rotation((turn + axis) / 2.0);
    let right = rounded_rotation((turn - axis) / 2.0);
    let product = [0, 1].map(|row| {
        [0, 1].map(|column| left[row][0] * right[0][column] + left[row][1] * right[1][column])
    });
    (f64::from(largest) + f64::from(smallest), product)
}

/// Returns a rotation whose entries are rounded to `f32`.
fn rounded_rotation(angle: f64) -> [[f64; 2]; 2] {
    let (sine, cosine) = (f64::from(angle.sin() as f32), f64::from(angle.cos() as f32));
    [[cosine, -sine], [sine, cosine]]
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: Points = [[1.0, 2.0], [9.0, 1.0], [5.0, 6.0], [2.0, 9.0], [8.0, 10.0]];

    fn assert_close(found: &AffineMatrix, expected: &AffineMatrix) {
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!(
                (found - expected).abs() < 1e-5,
                "{found} instead of {expected}"
            );
        }
    }

    #[test]
    fn a_similarity_is_recovered() {
        // A quarter turn, twice the size, and a shift.
        let to = POINTS.map(|[x, y]| [7.0 - 2.0 * y, 2.0 * x - 3.0]);
        let expected = [[0.0, -2.0, 7.0], [2.0, 0.0, -3.0]];
        assert_close(&closest_similarity(&POINTS, &to), &expected);
    }

    #[test]
    fn the_best_rotation_replaces_a_reflection() {
        let to = POINTS.map(|[x, y]| [-x, y]);
        let [[a, b, _], [c, d, _]] = closest_similarity(&POINTS, &to);
        // Least squares over a·x − b·y, b·x + a·y, from the centred points.
        let (_, from) = centered(&POINTS);
        let (mut dot, mut cross, mut square) = (0.0, 0.0, 0.0);
        for [x, y] in from {
            dot += y * y - x * x;
            cross += x * y + y * x;
            square += x * x + y * y;
        }
        let (cosine, sine) = (f64::from(dot / square), f64::from(cross / square));
        assert_close(
            &[[a, b, 0.0], [c, d, 0.0]],
            &[[cosine, -sine, 0.0], [sine, cosine, 0.0]],
        );
    }

    #[test]
    fn a_single_point_has_no_similarity() {
        let matrix = closest_similarity(&[[3.0, 4.0]; 5], &POINTS);
        assert!(matrix.iter().flatten().any(|value| !value.is_finite()));
    }
}
