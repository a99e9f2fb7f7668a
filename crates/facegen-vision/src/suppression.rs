//! Non-maximum suppression: of overlapping faces the highest score is kept.

use crate::face::Face;

/// The permitted overlap of two boxes.
#[derive(Clone, Copy)]
pub(crate) struct Suppression {
    /// The largest intersection over union at which both faces are kept.
    pub(crate) threshold: f32,
    /// Added to a side of a box before it is measured: 1 where the right and
    /// bottom edges are themselves pixels of the box, as in insightface.
    pub(crate) edge: f32,
}

impl Suppression {
    /// Sorts by score, highest first, and drops every face that overlaps an
    /// earlier one by more than the threshold. Equal scores keep their order.
    pub(crate) fn apply(self, mut faces: Vec<Face>) -> Vec<Face> {
        faces.sort_by(|left, right| right.score.total_cmp(&left.score));
        let mut kept: Vec<Face> = Vec::new();
        for face in faces {
            if kept
                .iter()
                .all(|other| self.overlap(other, &face) <= self.threshold)
            {
                kept.push(face);
            }
        }
        kept
    }

    /// Computes the intersection over union of two boxes; 0 if they are disjoint.
    fn overlap(self, left: &Face, right: &Face) -> f32 {
        let [left_1, top_1, right_1, bottom_1] = left.bounding_box;
        let [left_2, top_2, right_2, bottom_2] = right.bounding_box;
        let width = (right_1.min(right_2) - left_1.max(left_2) + self.edge).max(0.0);
        let height = (bottom_1.min(bottom_2) - top_1.max(top_2) + self.edge).max(0.0);
        let shared = width * height;
        if shared == 0.0 {
            return 0.0;
        }
        shared / (self.area(left) + self.area(right) - shared)
    }

    fn area(self, face: &Face) -> f32 {
        let [left, top, right, bottom] = face.bounding_box;
        (right - left + self.edge) * (bottom - top + self.edge)
    }
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

    fn edgeless(threshold: f32) -> Suppression {
        Suppression {
            threshold,
            edge: 0.0,
        }
    }

    #[test]
    fn an_overlap_at_the_threshold_is_kept_and_one_above_it_dropped() {
        let first = face(0.9, [0.0, 0.0, 8.0, 8.0]);
        // Shares 32 of 96, exactly a third.
        let third = face(0.8, [0.0, 4.0, 8.0, 12.0]);
        let a_third = 32.0 / 96.0;
        assert_eq!(edgeless(a_third).apply(vec![first, third]), [first, third]);
        assert_eq!(edgeless(a_third - 1e-6).apply(vec![first, third]), [first]);
    }

    #[test]
    fn the_highest_score_is_kept_and_comes_first() {
        let weak = face(0.7, [0.0, 0.0, 8.0, 8.0]);
        let strong = face(0.9, [0.0, 0.0, 8.0, 9.0]);
        let apart = face(0.95, [100.0, 0.0, 108.0, 8.0]);
        assert_eq!(
            edgeless(0.3).apply(vec![weak, strong, apart]),
            [apart, strong]
        );
    }

    #[test]
    fn a_dropped_face_drops_no_other() {
        let first = face(0.9, [0.0, 0.0, 10.0, 10.0]);
        let second = face(0.8, [5.0, 0.0, 15.0, 10.0]);
        let last = face(0.7, [10.0, 0.0, 20.0, 10.0]);
        assert_eq!(
            edgeless(0.3).apply(vec![first, second, last]),
            [first, last]
        );
    }

    #[test]
    fn boxes_without_an_area_overlap_nothing() {
        let point = face(0.9, [5.0, 5.0, 5.0, 5.0]);
        assert_eq!(edgeless(0.3).apply(vec![point, point]).len(), 2);
    }

    #[test]
    fn an_edge_of_one_pixel_counts_as_part_of_the_box() {
        // 10×10 pixels each, of which 5×10 are shared: a third.
        let first = face(0.9, [0.0, 0.0, 9.0, 9.0]);
        let second = face(0.8, [5.0, 0.0, 14.0, 9.0]);
        // Without the edge it is 36 of 126.
        let inclusive = Suppression {
            threshold: 0.3,
            edge: 1.0,
        };
        assert_eq!(inclusive.apply(vec![first, second]), [first]);
        assert_eq!(edgeless(0.3).apply(vec![first, second]).len(), 2);
    }
}
