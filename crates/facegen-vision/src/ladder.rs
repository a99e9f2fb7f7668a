//! Faces that fill the photograph.
//!
//! Detectors are trained on faces that leave room around them, so a close-up is
//! the most frequent photograph in which none is found. Each rung of the ladder
//! shows the detector a smaller face, or more room, than the one before.

use crate::error::VisionError;
use crate::face::{Face, FaceDetector, Landmarks};
use crate::image::{CHANNELS, RgbImage};

/// One way of showing a photograph to the detector.
#[derive(Debug, Clone, Copy)]
enum Rung {
    /// The photograph as it is, its longer side brought to this many pixels.
    Size(usize),
    /// The photograph with black around it, at the usual size.
    Padded,
}

/// What follows the reference's own look, the photograph as it is at the usual size.
const RUNGS: [Rung; 6] = [
    Rung::Padded,
    Rung::Size(512),
    Rung::Size(448),
    Rung::Size(384),
    Rung::Size(320),
    Rung::Size(128),
];

/// A quarter of the width to the left and to the right, a quarter of the height
/// above and below.
const PADDING_DIVISOR: usize = 4;

/// A detector that does not give up on close-ups: where the reference would find
/// nobody, it adds room around the photograph, then looks at it smaller and
/// smaller. The same photograph always takes the same steps. With a face on the
/// first rung, which is the reference's, the answer is the inner detector's. On
/// the others only faces with at least [`FaceDetector::retry_score`] count, since
/// every further look is one more occasion to see a face where there is none.
#[derive(Debug)]
pub struct DetectionLadder {
    detector: Box<dyn FaceDetector>,
}

impl DetectionLadder {
    /// Lets `detector` try again.
    #[must_use]
    pub fn new(detector: Box<dyn FaceDetector>) -> Self {
        Self { detector }
    }

    /// What counts on the rungs after the first.
    fn certain(&self, mut faces: Vec<Face>) -> Vec<Face> {
        faces.retain(|face| face.score >= self.detector.retry_score());
        faces
    }

    fn detect_on(&self, rung: Rung, photo: &RgbImage) -> Result<Vec<Face>, VisionError> {
        match rung {
            Rung::Size(size) => self.detector.detect_at(photo, size),
            Rung::Padded => {
                let padding = [photo.width(), photo.height()].map(|side| side / PADDING_DIVISOR);
                let mut faces = self.detector.detect(&padded(photo, padding))?;
                for face in &mut faces {
                    *face = moved(face, padding);
                }
                Ok(faces)
            }
        }
    }
}

impl FaceDetector for DetectionLadder {
    /// One size asks for one look.
    fn detect_at(&self, photo: &RgbImage, size: usize) -> Result<Vec<Face>, VisionError> {
        self.detector.detect_at(photo, size)
    }

    /// The faces of the first rung on which there are any.
    fn detect(&self, photo: &RgbImage) -> Result<Vec<Face>, VisionError> {
        let mut faces = self.detector.detect(photo)?;
        for rung in RUNGS {
            if !faces.is_empty() {
                break;
            }
            faces = self.certain(self.detect_on(rung, photo)?);
        }
        Ok(faces)
    }

    fn retry_score(&self) -> f32 {
        self.detector.retry_score()
    }
}

/// The photograph with `left` black pixels on either side, and `top` above and below.
fn padded(photo: &RgbImage, [left, top]: [usize; 2]) -> RgbImage {
    let mut canvas = RgbImage::black(photo.width() + 2 * left, photo.height() + 2 * top);
    for y in 0..photo.height() {
        canvas.row_mut(top + y)[left * CHANNELS..][..photo.width() * CHANNELS]
            .copy_from_slice(photo.row(y));
    }
    canvas
}

/// A face of the padded photograph, in pixels of the one without padding.
fn moved(face: &Face, padding: [usize; 2]) -> Face {
    let [x, y] = padding.map(|pixels| pixels as f32);
    let [left, top, right, bottom] = face.bounding_box;
    let Landmarks(points) = face.landmarks;
    Face {
        score: face.score,
        bounding_box: [left - x, top - y, right - x, bottom - y],
        landmarks: Landmarks(points.map(|[px, py]| [px - x, py - y])),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Sees one face, always at the same place, in the looks after the first
    /// `blind` ones, and remembers all of them.
    #[derive(Debug, Clone)]
    struct Reluctant {
        blind: usize,
        retry_score: f32,
        looks: Arc<Mutex<Vec<[usize; 3]>>>,
    }

    impl Reluctant {
        fn new(blind: usize) -> Self {
            Self {
                blind,
                retry_score: 0.0,
                looks: Arc::default(),
            }
        }

        fn ladder(blind: usize) -> DetectionLadder {
            DetectionLadder::new(Box::new(Self::new(blind)))
        }
    }

    impl FaceDetector for Reluctant {
        fn detect_at(&self, photo: &RgbImage, size: usize) -> Result<Vec<Face>, VisionError> {
            let mut looks = self.looks.lock().unwrap();
            looks.push([photo.width(), photo.height(), size]);
            Ok(if looks.len() > self.blind {
                vec![face(looks.len() as f32)]
            } else {
                Vec::new()
            })
        }

        fn retry_score(&self) -> f32 {
            self.retry_score
        }
    }

    /// The score says how often the detector has looked.
    fn face(score: f32) -> Face {
        Face {
            score,
            bounding_box: [10.0, 20.0, 30.0, 40.0],
            landmarks: Landmarks([[12.0, 22.0]; 5]),
        }
    }

    fn photo() -> RgbImage {
        RgbImage::new(40, 20, [9, 8, 7].repeat(800)).unwrap()
    }

    #[test]
    fn the_first_rung_with_a_face_answers() {
        for blind in [0, 2, 3, 4, 5, 6] {
            let faces = Reluctant::ladder(blind).detect(&photo()).unwrap();
            assert_eq!(faces, [face(blind as f32 + 1.0)]);
        }
    }

    #[test]
    fn a_face_on_the_padded_rung_is_moved_back() {
        let faces = Reluctant::ladder(1).detect(&photo()).unwrap();
        assert_eq!(faces[0].bounding_box, [0.0, 15.0, 20.0, 35.0]);
        assert_eq!(faces[0].landmarks.0, [[2.0, 17.0]; 5]);
    }

    #[test]
    fn an_uncertain_face_counts_only_at_first() {
        for (blind, retry_score, counts) in [(0, 9.0, 1), (2, 5.0, 5), (2, 3.0, 3)] {
            let detector = Reluctant {
                retry_score,
                ..Reluctant::new(blind)
            };
            let faces = DetectionLadder::new(Box::new(detector)).detect(&photo());
            assert_eq!(
                faces.unwrap(),
                [face(counts as f32)],
                "{blind} {retry_score}"
            );
        }
    }

    #[test]
    fn every_rung_is_tried_before_nobody_is_found() {
        let detector = Reluctant::new(usize::MAX);
        let ladder = DetectionLadder::new(Box::new(detector.clone()));
        assert_eq!(ladder.detect(&photo()).unwrap(), []);
        let plain = [512, 448, 384, 320, 128].map(|size| [40, 20, size]);
        let expected = [vec![[40, 20, 640], [60, 30, 640]], plain.to_vec()].concat();
        assert_eq!(*detector.looks.lock().unwrap(), expected);
    }

    #[test]
    fn padding_is_black_on_all_sides() {
        let padded = padded(&RgbImage::new(1, 1, vec![9, 8, 7]).unwrap(), [2, 1]);
        assert_eq!((padded.width(), padded.height()), (5, 3));
        assert_eq!(padded.row(0), [0; 15]);
        assert_eq!(
            padded.row(1),
            [[0; 6].as_slice(), &[9, 8, 7], &[0; 6]].concat()
        );
        assert_eq!(padded.row(2), [0; 15]);
    }

    #[test]
    fn one_size_asks_for_one_look() {
        assert_eq!(Reluctant::ladder(1).detect_at(&photo(), 320).unwrap(), []);
    }
}
