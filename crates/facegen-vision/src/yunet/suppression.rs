//! Several cells see the same face; the most certain one speaks for it.

use crate::face::Face;

/// Sorts by score, highest first, and drops every face that overlaps one before
/// it by more than `threshold` (intersection over union). Faces of equal score
/// keep their order.
pub(super) fn suppress_overlaps(mut faces: Vec<Face>, threshold: f32) -> Vec<Face> {
    faces.sort_by(|left, right| right.score.total_cmp(&left.score));
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept.iter().all(|other| overlap(&face, other) <= threshold) {
            kept.push(face);
        }
    }
    kept
}

/// Intersection over union of two boxes; 0 for boxes without an area.
fn overlap(left: &Face, right: &Face) -> f32 {
    let [left_1, top_1, right_1, bottom_1] = left.bounding_box;
    let [left_2, top_2, right_2, bottom_2] = right.bounding_box;
    let width = (right_1.min(right_2) - left_1.max(left_2)).max(0.0);
    let height = (bottom_1.min(bottom_2) - top_1.max(top_2)).max(0.0);
    let shared = width * height;
    if shared == 0.0 {
        return 0.0;
    }
    let area = |face: &Face| {
        let [left, top, right, bottom] = face.bounding_box;
        (right - left) * (bottom - top)
    };
    shared / (area(left) + area(right) - shared)
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
    fn an_overlap_at_the_threshold_is_kept_and_one_above_it_dropped() {
        let first = face(0.9, [0.0, 0.0, 8.0, 8.0]);
        // Shares 32 of 96, exactly a third.
        let third = face(0.8, [0.0, 4.0, 8.0, 12.0]);
        let a_third = 32.0 / 96.0;
        assert_eq!(
            suppress_overlaps(vec![first, third], a_third),
            [first, third]
        );
        assert_eq!(
            suppress_overlaps(vec![first, third], a_third - 1e-6),
            [first]
        );
    }

    #[test]
    fn the_highest_score_wins_and_leads() {
        let weak = face(0.7, [0.0, 0.0, 8.0, 8.0]);
        let strong = face(0.9, [0.0, 0.0, 8.0, 9.0]);
        let apart = face(0.95, [100.0, 0.0, 108.0, 8.0]);
        assert_eq!(
            suppress_overlaps(vec![weak, strong, apart], 0.3),
            [apart, strong]
        );
    }

    #[test]
    fn a_dropped_face_drops_nobody() {
        let first = face(0.9, [0.0, 0.0, 10.0, 10.0]);
        let second = face(0.8, [5.0, 0.0, 15.0, 10.0]);
        let last = face(0.7, [10.0, 0.0, 20.0, 10.0]);
        assert_eq!(
            suppress_overlaps(vec![first, second, last], 0.3),
            [first, last]
        );
    }

    #[test]
    fn boxes_without_an_area_overlap_nothing() {
        let point = face(0.9, [5.0, 5.0, 5.0, 5.0]);
        assert_eq!(suppress_overlaps(vec![point, point], 0.3).len(), 2);
    }
}
