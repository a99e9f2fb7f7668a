//! The aligned crop: a photo rotated, scaled and shifted so that the eyes, the
//! nose and the mouth are where the recogniser expects them.
//!
//! Follows insightface `python-package/insightface/utils/face_align.py`
//! (`estimate_norm`, `norm_crop`; commit 7fadd42).

use facegen_image::RgbImage;

use crate::error::VisionError;
use crate::face::Landmarks;
use crate::umeyama::{Points, closest_similarity};
use crate::warp::{AffineMatrix, warp_affine};

/// The five landmarks of ArcFace's training data, in a crop of 112×112 pixels.
const TEMPLATE: Points = [
    [38.2946, 51.6963],
    [73.5318, 51.5014],
    [56.0252, 71.7366],
    [41.5493, 92.3655],
    [70.7299, 92.2041],
];

/// Crops the face with these landmarks from `photo` to `size` × `size` pixels:
/// 112 for face embedders, 224 for the adapters' CLIP encoder. Black where the
/// crop extends beyond the photo.
///
/// # Errors
/// Fails with [`VisionError::CropSize`] unless 112 or 128 divides `size`, with
/// [`VisionError::DegenerateLandmarks`] if landmarks coincide or are not finite.
pub fn norm_crop(
    photo: &RgbImage,
    landmarks: &Landmarks,
    size: usize,
) -> Result<RgbImage, VisionError> {
    let matrix = align_to_template(landmarks, size)?;
    Ok(warp_affine(photo, &matrix, size))
}

/// Returns the similarity (rotation, scale and shift; never a reflection) that
/// brings `landmarks` closest to the template of a crop of `size` × `size`
/// pixels, by least squares.
///
/// # Errors
/// See [`norm_crop`].
pub fn align_to_template(landmarks: &Landmarks, size: usize) -> Result<AffineMatrix, VisionError> {
    let template = template(size).ok_or(VisionError::CropSize(size))?;
    let matrix = closest_similarity(&landmarks.0, &template);
    let [[a, b, _], _] = matrix;
    let usable = matrix.iter().flatten().all(|value| value.is_finite()) && a.hypot(b) > 0.0;
    usable
        .then_some(matrix)
        .ok_or(VisionError::DegenerateLandmarks)
}

/// Scales the template to `size`; crops of 128 pixels show 8 more on each side.
fn template(size: usize) -> Option<Points> {
    let (ratio, margin) = match size {
        0 => return None,
        _ if size.is_multiple_of(112) => (size as f32 / 112.0, 0.0),
        _ if size.is_multiple_of(128) => (size as f32 / 128.0, 8.0),
        _ => return None,
    };
    Some(TEMPLATE.map(|[x, y]| [x * ratio + margin * ratio, y * ratio]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(matrix: &AffineMatrix, [x, y]: [f32; 2]) -> [f64; 2] {
        let (x, y) = (f64::from(x), f64::from(y));
        matrix.map(|[along_x, along_y, offset]| along_x * x + along_y * y + offset)
    }

    #[test]
    fn landmarks_of_the_template_map_to_themselves() {
        let matrix = align_to_template(&Landmarks(TEMPLATE), 112).unwrap();
        for point in TEMPLATE {
            let [x, y] = moved(&matrix, point);
            assert!((x - f64::from(point[0])).abs() < 1e-4);
            assert!((y - f64::from(point[1])).abs() < 1e-4);
        }
    }

    #[test]
    fn a_crop_of_224_is_the_crop_of_112_at_twice_the_scale() {
        let landmarks = Landmarks(TEMPLATE.map(|[x, y]| [3.0 * y + 9.0, 40.0 - 3.0 * x]));
        let small = align_to_template(&landmarks, 112).unwrap();
        let large = align_to_template(&landmarks, 224).unwrap();
        for (small, large) in small.iter().flatten().zip(large.iter().flatten()) {
            assert!((2.0 * small - large).abs() < 1e-6);
        }
    }

    #[test]
    fn mirrored_landmarks_are_matched_by_a_rotation_not_a_reflection() {
        let mirrored = Landmarks(TEMPLATE.map(|[x, y]| [112.0 - x, y]));
        let [[a, b, _], [c, d, _]] = align_to_template(&mirrored, 112).unwrap();
        assert!(a * d - b * c > 0.0);
    }

    #[test]
    fn only_sizes_with_a_template_are_accepted() {
        for size in [112, 128, 224, 256, 336] {
            assert!(
                align_to_template(&Landmarks(TEMPLATE), size).is_ok(),
                "{size}"
            );
        }
        for size in [0, 1, 100, 200] {
            let error = align_to_template(&Landmarks(TEMPLATE), size).unwrap_err();
            assert!(matches!(error, VisionError::CropSize(refused) if refused == size));
        }
    }

    #[test]
    fn coinciding_landmarks_are_refused() {
        let photo = RgbImage::new(1, 1, vec![0; 3]).unwrap();
        for value in [3.0, f32::NAN, f32::INFINITY] {
            let error = norm_crop(&photo, &Landmarks([[value; 2]; 5]), 112).unwrap_err();
            assert!(
                matches!(error, VisionError::DegenerateLandmarks),
                "{value}: {error}"
            );
        }
    }

    #[test]
    fn landmarks_far_outside_the_photo_give_a_black_crop() {
        let photo = RgbImage::new(2, 2, vec![255; 12]).unwrap();
        let away = Landmarks(TEMPLATE.map(|[x, y]| [x + 9000.0, y - 9000.0]));
        let crop = norm_crop(&photo, &away, 112).unwrap();
        assert!(crop.pixels().iter().all(|&byte| byte == 0));
    }
}
