use std::sync::{Arc, Mutex};

use super::*;

/// Finds one face, always at the same place, after the first `blind` attempts,
/// and records all of them.
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

    fn retrying(blind: usize) -> RetryingDetector {
        RetryingDetector::new(Box::new(Self::new(blind)))
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

/// Builds a face whose score is the number of attempts so far.
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
fn the_first_attempt_with_a_face_counts() {
    for blind in [0, 2, 3, 4, 5, 6] {
        let faces = Reluctant::retrying(blind).detect(&photo()).unwrap();
        assert_eq!(faces, [face(blind as f32 + 1.0)]);
    }
}

#[test]
fn a_face_in_the_padded_attempt_is_mapped_back() {
    let faces = Reluctant::retrying(1).detect(&photo()).unwrap();
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
        let faces = RetryingDetector::new(Box::new(detector)).detect(&photo());
        assert_eq!(
            faces.unwrap(),
            [face(counts as f32)],
            "{blind} {retry_score}"
        );
    }
}

#[test]
fn every_attempt_is_made_before_no_face_is_found() {
    let detector = Reluctant::new(usize::MAX);
    let retrying = RetryingDetector::new(Box::new(detector.clone()));
    assert_eq!(retrying.detect(&photo()).unwrap(), []);
    let plain = [512, 448, 384, 320, 128].map(|size| [40, 20, size]);
    let expected = [vec![[40, 20, 640], [60, 30, 640]], plain.to_vec()].concat();
    assert_eq!(*detector.looks.lock().unwrap(), expected);
}

#[test]
fn a_large_photo_is_scaled_down_before_it_is_padded() {
    let detector = Reluctant::new(1);
    let retrying = RetryingDetector::new(Box::new(detector.clone()));
    let faces = retrying.detect(&RgbImage::black(2560, 1280)).unwrap();
    // 640×320 pixels with margins of 160 and 80, a quarter of the photo's.
    assert_eq!(detector.looks.lock().unwrap()[1], [960, 480, 640]);
    assert_eq!(faces[0].bounding_box, [-600.0, -240.0, -520.0, -160.0]);
    assert_eq!(faces[0].landmarks.0, [[-592.0, -232.0]; 5]);
}

#[test]
fn the_margin_is_black_on_all_sides() {
    let photo = RgbImage::new(8, 4, [9, 8, 7].repeat(32)).unwrap();
    let image = Padded::around(&photo).image;
    assert_eq!((image.width(), image.height()), (12, 6));
    for y in [0, 5] {
        assert_eq!(image.row(y), [0; 36]);
    }
    for y in 1..5 {
        let expected = [[0; 6].as_slice(), &[9, 8, 7].repeat(8), &[0; 6]].concat();
        assert_eq!(image.row(y), expected);
    }
}

#[test]
fn a_given_size_is_detected_once() {
    assert_eq!(Reluctant::retrying(1).detect_at(&photo(), 320).unwrap(), []);
}
