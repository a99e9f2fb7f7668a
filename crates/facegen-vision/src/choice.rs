//! The choice among several faces of a photo.

use facegen_core::preset::FaceChoice;
use facegen_image::RgbImage;

use crate::face::Face;

/// Returns the chosen one of `faces`, which are sorted by score; `None` if empty.
pub(crate) fn choose<'a>(
    choice: FaceChoice,
    faces: &'a [Face],
    photo: &RgbImage,
) -> Option<&'a Face> {
    let value = |face: &Face| match choice {
        FaceChoice::Score => face.score,
        FaceChoice::Largest => area(face),
        FaceChoice::Center => area(face) - 2.0 * distance_squared(face, photo),
    };
    // `max_by` returns the last of equal elements.
    faces
        .iter()
        .rev()
        .max_by(|left, right| value(left).total_cmp(&value(right)))
}

fn area(face: &Face) -> f32 {
    let [left, top, right, bottom] = face.bounding_box;
    (right - left) * (bottom - top)
}

fn distance_squared(face: &Face, photo: &RgbImage) -> f32 {
    let [left, top, right, bottom] = face.bounding_box;
    let x = f32::midpoint(left, right) - (photo.width() / 2) as f32;
    let y = f32::midpoint(top, bottom) - (photo.height() / 2) as f32;
    x * x + y * y
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::Landmarks;

    fn face(score: f32, bounding_box: [f32; 4]) -> Face {
        Face {
            score,
            bounding_box,
            landmarks: Landmarks([[0.0; 2]; 5]),
        }
    }

    #[test]
    fn each_choice_returns_another_face() {
        let photo = RgbImage::black(101, 51);
        let certain = face(0.9, [0.0, 0.0, 10.0, 10.0]);
        let large = face(0.8, [70.0, 0.0, 100.0, 30.0]);
        // 20×20 at the exact centre.
        let central = face(0.7, [40.0, 15.0, 60.0, 35.0]);
        let faces = [certain, large, central];
        let chosen = |choice: FaceChoice| *choose(choice, &faces, &photo).unwrap();
        assert_eq!(chosen(FaceChoice::Score), certain);
        assert_eq!(chosen(FaceChoice::Largest), large);
        assert_eq!(chosen(FaceChoice::Center), central);
        assert_eq!(chosen(FaceChoice::default()), certain);
        assert_eq!(choose(FaceChoice::Largest, &[], &photo), None);
    }

    #[test]
    fn a_large_face_wins_over_a_small_one_in_the_middle() {
        let photo = RgbImage::black(100, 100);
        // 1600 − 2·(5² + 5²) = 1500 against 100 in the middle.
        let large = face(0.6, [35.0, 35.0, 75.0, 75.0]);
        let small = face(0.9, [45.0, 45.0, 55.0, 55.0]);
        let faces = [small, large];
        assert_eq!(choose(FaceChoice::Center, &faces, &photo), Some(&large));
        // 1521 in the middle beats that.
        let central = face(0.5, [30.5, 30.5, 69.5, 69.5]);
        let faces = [small, large, central];
        assert_eq!(choose(FaceChoice::Center, &faces, &photo), Some(&central));
    }

    #[test]
    fn of_equal_faces_the_higher_score_is_chosen() {
        let photo = RgbImage::black(100, 100);
        let faces = [0.9, 0.8, 0.7].map(|score| face(score, [10.0, 10.0, 20.0, 20.0]));
        for choice in [FaceChoice::Largest, FaceChoice::Center] {
            assert_eq!(choose(choice, &faces, &photo), Some(&faces[0]));
        }
    }
}
