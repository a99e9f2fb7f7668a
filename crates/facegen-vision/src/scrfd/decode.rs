//! Decodes the network's output to faces on its canvas.
//!
//! Follows insightface's `model_zoo/scrfd.py` (`SCRFD.forward`): every cell of
//! a grid has two anchors with one centre, the cell's top left corner.
//! Distances and points are in cells; all sums are in `f32`, as in numpy.

use crate::face::{Face, Landmarks};

/// Anchors in a cell.
const ANCHORS: usize = 2;

/// The predictions on one grid of cells, row by row, the anchors of a cell one
/// after the other.
pub(super) struct AnchorGrid<'a> {
    stride: f32,
    columns: usize,
    scores: &'a [f32],
    distances: &'a [[f32; 4]],
    points: &'a [[f32; 10]],
}

impl<'a> AnchorGrid<'a> {
    /// Wraps a square grid of `columns` cells per side; `None` unless there is
    /// a score, box and face for each of its anchors.
    pub(super) fn new(
        stride: usize,
        columns: usize,
        [scores, distances, points]: [&'a [f32]; 3],
    ) -> Option<Self> {
        let (distances, distance_rest) = distances.as_chunks();
        let (points, point_rest) = points.as_chunks();
        let whole = distance_rest.is_empty() && point_rest.is_empty();
        let lengths = [scores.len(), distances.len(), points.len()];
        (whole && lengths == [columns * columns * ANCHORS; 3]).then_some(Self {
            stride: stride as f32,
            columns,
            scores,
            distances,
            points,
        })
    }

    /// Returns the faces with a score of at least `threshold`, in canvas pixels.
    pub(super) fn faces(&self, threshold: f32) -> impl Iterator<Item = Face> {
        (0..self.scores.len())
            .filter(move |&anchor| self.scores[anchor] >= threshold)
            .map(|anchor| self.face(anchor))
    }

    fn face(&self, anchor: usize) -> Face {
        let cell = anchor / ANCHORS;
        let x = (cell % self.columns) as f32 * self.stride;
        let y = (cell / self.columns) as f32 * self.stride;
        let [left, top, right, bottom] = self.distances[anchor].map(|cells| cells * self.stride);
        let points = self.points[anchor].map(|cells| cells * self.stride);
        Face {
            score: self.scores[anchor],
            bounding_box: [x - left, y - top, x + right, y + bottom],
            landmarks: Landmarks(std::array::from_fn(|point| {
                [x + points[2 * point], y + points[2 * point + 1]]
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a grid of 2×2 cells with a prediction at one anchor.
    fn predictions(anchor: usize, score: f32) -> [Vec<f32>; 3] {
        let mut predictions = [vec![0.0; 8], vec![0.0; 32], vec![0.0; 80]];
        predictions[0][anchor] = score;
        predictions[1][anchor * 4..][..4].copy_from_slice(&[0.5, 0.25, 1.0, 2.0]);
        predictions[2][anchor * 10..][..10]
            .copy_from_slice(&[0., 1., 2., 3., 4., 5., 6., 7., 8., -9.]);
        predictions
    }

    fn grid(predictions: &[Vec<f32>; 3]) -> AnchorGrid<'_> {
        AnchorGrid::new(16, 2, predictions.each_ref().map(Vec::as_slice)).unwrap()
    }

    #[test]
    fn both_anchors_of_a_cell_have_its_corner_as_centre() {
        for anchor in [6, 7] {
            let predictions = predictions(anchor, 0.9);
            let faces: Vec<Face> = grid(&predictions).faces(0.5).collect();
            assert_eq!(faces.len(), 1);
            assert_eq!(faces[0].score, 0.9);
            assert_eq!(faces[0].bounding_box, [8.0, 12.0, 32.0, 48.0]);
            assert_eq!(faces[0].landmarks.0[0], [16.0, 32.0]);
            assert_eq!(faces[0].landmarks.0[4], [144.0, -128.0]);
        }
    }

    #[test]
    fn a_score_at_the_threshold_counts() {
        let predictions = predictions(0, 0.5);
        assert_eq!(grid(&predictions).faces(0.5).count(), 1);
        assert_eq!(grid(&predictions).faces(0.500_1).count(), 0);
    }

    #[test]
    fn predictions_of_another_grid_are_refused() {
        let predictions = predictions(0, 1.0);
        let [scores, distances, points] = predictions.each_ref().map(Vec::as_slice);
        assert!(AnchorGrid::new(16, 3, [scores, distances, points]).is_none());
        assert!(AnchorGrid::new(16, 2, [scores, points, distances]).is_none());
        assert!(AnchorGrid::new(16, 2, [scores, &distances[..31], points]).is_none());
    }

    #[test]
    fn predictions_that_are_not_finite_are_no_face() {
        let predictions = predictions(0, f32::NAN);
        assert_eq!(grid(&predictions).faces(0.5).count(), 0);
    }
}
