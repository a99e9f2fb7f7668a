//! Decodes the network's output to faces.

use crate::face::{Face, Landmarks};

/// The network's predictions for every cell of a grid, by output name.
pub(super) const PREDICTIONS: [&str; 4] = ["cls", "obj", "bbox", "kps"];

/// The predictions on one grid of cells, row by row.
pub(super) struct StrideOutputs<'a> {
    stride: f32,
    columns: usize,
    class_scores: &'a [f32],
    objectness: &'a [f32],
    boxes: &'a [[f32; 4]],
    landmarks: &'a [[f32; 10]],
}

impl<'a> StrideOutputs<'a> {
    /// Wraps `outputs`, in the order of [`PREDICTIONS`], of a square grid of
    /// `columns` cells per side; `None` when their lengths do not match it.
    pub(super) fn new(stride: usize, columns: usize, outputs: &'a [Vec<f32>]) -> Option<Self> {
        let [class_scores, objectness, boxes, landmarks] = outputs else {
            return None;
        };
        let (boxes, box_rest) = boxes.as_chunks();
        let (landmarks, landmark_rest) = landmarks.as_chunks();
        let lengths = [
            class_scores.len(),
            objectness.len(),
            boxes.len(),
            landmarks.len(),
        ];
        let whole = box_rest.is_empty() && landmark_rest.is_empty();
        (whole && lengths == [columns * columns; 4]).then_some(Self {
            stride: stride as f32,
            columns,
            class_scores,
            objectness,
            boxes,
            landmarks,
        })
    }

    /// Returns the faces with a score of at least `threshold`, in input pixels.
    pub(super) fn faces(&self, threshold: f32) -> impl Iterator<Item = Face> {
        (0..self.class_scores.len())
            .filter(move |&cell| self.score(cell) >= threshold)
            .map(|cell| self.face(cell))
    }

    fn score(&self, cell: usize) -> f32 {
        let [class, object] =
            [self.class_scores, self.objectness].map(|scores| scores[cell].clamp(0.0, 1.0));
        (class * object).sqrt()
    }

    fn face(&self, cell: usize) -> Face {
        let (column, row) = ((cell % self.columns) as f32, (cell / self.columns) as f32);
        let at = |dx: f32, dy: f32| [(column + dx) * self.stride, (row + dy) * self.stride];
        let [dx, dy, log_width, log_height] = self.boxes[cell];
        let [center_x, center_y] = at(dx, dy);
        let (width, height) = (
            log_width.exp() * self.stride,
            log_height.exp() * self.stride,
        );
        let (left, top) = (center_x - width / 2.0, center_y - height / 2.0);
        let points = &self.landmarks[cell];
        Face {
            score: self.score(cell),
            bounding_box: [left, top, left + width, top + height],
            landmarks: Landmarks(std::array::from_fn(|point| {
                at(points[2 * point], points[2 * point + 1])
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a grid of 2×2 cells with a prediction in one.
    fn outputs(cell: usize, class: f32, object: f32) -> [Vec<f32>; 4] {
        let mut outputs = [vec![0.0; 4], vec![0.0; 4], vec![0.0; 16], vec![0.0; 40]];
        outputs[0][cell] = class;
        outputs[1][cell] = object;
        outputs[2][cell * 4..][..4].copy_from_slice(&[0.5, 0.25, 0.0, 2.0_f32.ln()]);
        outputs[3][cell * 10..][..10].copy_from_slice(&[0., 1., 2., 3., 4., 5., 6., 7., 8., 9.]);
        outputs
    }

    #[test]
    fn a_cell_is_decoded_relative_to_its_position() {
        let outputs = outputs(3, 0.81, 1.5);
        let grid = StrideOutputs::new(16, 2, &outputs).unwrap();
        let faces: Vec<Face> = grid.faces(0.6).collect();
        assert_eq!(faces.len(), 1);
        assert!((faces[0].score - 0.9).abs() < 1e-6);
        let expected = [16.0, 4.0, 32.0, 36.0];
        for (found, expected) in faces[0].bounding_box.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{:?}", faces[0]);
        }
        assert_eq!(faces[0].landmarks.0[0], [16.0, 32.0]);
        assert_eq!(faces[0].landmarks.0[4], [144.0, 160.0]);
    }

    #[test]
    fn a_score_at_the_threshold_counts() {
        let outputs = outputs(0, 0.25, 1.0);
        let grid = StrideOutputs::new(8, 2, &outputs).unwrap();
        assert_eq!(grid.faces(0.5).count(), 1);
        assert_eq!(grid.faces(0.500_1).count(), 0);
    }

    #[test]
    fn outputs_of_another_grid_are_refused() {
        let outputs = outputs(0, 1.0, 1.0);
        assert!(StrideOutputs::new(8, 3, &outputs).is_none());
        assert!(StrideOutputs::new(8, 2, &outputs[..3]).is_none());
    }

    #[test]
    fn predictions_that_are_not_finite_are_no_face() {
        let outputs = outputs(0, f32::NAN, 1.0);
        let grid = StrideOutputs::new(8, 2, &outputs).unwrap();
        assert_eq!(grid.faces(0.6).count(), 0);
    }
}
