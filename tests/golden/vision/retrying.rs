use facegen_image::RgbImage;
use facegen_vision::{Face, FaceDetector, Landmarks, RetryingDetector};

use super::{cut, photo, yunet};

/// Photos, and how much of the face's box is kept around its centre. On the
/// first three the padded attempt helps, on the others only a smaller one.
const CLOSE_UPS: [(&str, f32); 6] = [
    ("astronaut.png", 0.8),
    ("astronaut.png", 0.7),
    ("person_b_2.jpg", 0.6),
    ("astronaut.png", 0.6),
    ("astronaut.png", 0.5),
    ("person_b_2.jpg", 0.5),
];
/// In distances between the eyes. The same detector, shown one photo at two
/// sizes, differs by a tenth.
const TOLERANCE: f32 = 0.2;

#[test]
fn a_face_that_fills_the_photo_is_found_by_retrying() {
    let (plain, retrying) = (yunet(), retrying());
    for (file, share) in CLOSE_UPS {
        let photo = photo(file);
        let face = plain.detect(&photo).unwrap()[0];
        let part = close_up(&photo, &face, share);
        let close_up = cut(&photo, part);
        assert_eq!(plain.detect(&close_up).unwrap(), [], "{file} {share}");
        let faces = retrying.detect(&close_up).unwrap();
        assert_eq!(faces.len(), 1, "{file} {share}");
        let distance = distance(&faces[0].landmarks, part, &face.landmarks);
        println!(
            "{file} {share}: score {:.2}, {distance:.3} between the eyes",
            faces[0].score
        );
        assert!(distance < TOLERANCE, "{file} {share}: {distance}");
    }
}

#[test]
fn faces_of_the_first_attempt_are_not_changed_by_retrying() {
    let photo = photo("astronaut.png");
    let faces = retrying().detect(&photo).unwrap();
    assert_eq!(faces, yunet().detect(&photo).unwrap());
}

#[test]
fn retrying_finds_no_face_where_there_is_none() {
    let photo = photo("astronaut.png");
    for part in [[0, 256, 512, 256], [0, 0, 160, 256]] {
        assert_eq!(
            retrying().detect(&cut(&photo, part)).unwrap(),
            [],
            "{part:?}"
        );
    }
}

fn retrying() -> RetryingDetector {
    RetryingDetector::new(Box::new(yunet()))
}

/// Returns left, top, width and height of the middle of a face.
fn close_up(photo: &RgbImage, face: &Face, share: f32) -> [usize; 4] {
    let [left, top, right, bottom] = face.bounding_box;
    let span = |low: f32, high: f32, side: usize| {
        let (middle, half) = (f32::midpoint(low, high), (high - low) * share / 2.0);
        let (from, to) = (
            (middle - half) as usize,
            ((middle + half) as usize).min(side),
        );
        [from, to - from]
    };
    let [left, width] = span(left, right, photo.width());
    let [top, height] = span(top, bottom, photo.height());
    [left, top, width, height]
}

/// Returns the largest distance of a landmark in a part of the photo from the
/// same one in the whole, in distances between the eyes.
fn distance(found: &Landmarks, [left, top, ..]: [usize; 4], whole: &Landmarks) -> f32 {
    let between = |[x1, y1]: [f32; 2], [x2, y2]: [f32; 2]| (x1 - x2).hypot(y1 - y2);
    let eyes = between(whole.0[0], whole.0[1]);
    let moved = found.0.map(|[x, y]| [x + left as f32, y + top as f32]);
    let distances = moved.into_iter().zip(whole.0);
    let largest = distances.fold(0.0, |most: f32, (one, other)| most.max(between(one, other)));
    largest / eyes
}
