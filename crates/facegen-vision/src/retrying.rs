//! Retries the detection of faces that fill the photo.
//!
//! Detectors are trained on faces with a margin around them, so close-ups are
//! the photos in which they most often find none. Each attempt shows the
//! detector a smaller face, or a wider margin, than the one before.

use facegen_image::{CHANNELS, RgbImage};

use crate::bilinear::resize_bilinear;
use crate::error::VisionError;
use crate::face::{DETECTION_SIZE, Face, FaceDetector, Landmarks};
use crate::letterbox::fitted_size;

/// One way of presenting a photo to the detector.
#[derive(Debug, Clone, Copy)]
enum Attempt {
    /// The photo itself, its longer side scaled to this many pixels.
    Size(usize),
    /// The photo with a black margin, at the usual size.
    Padded,
}

/// The attempts after the reference's own, which is the photo at the usual size.
const ATTEMPTS: [Attempt; 6] = [
    Attempt::Padded,
    Attempt::Size(512),
    Attempt::Size(448),
    Attempt::Size(384),
    Attempt::Size(320),
    Attempt::Size(128),
];

/// A quarter of the width on the left and right, a quarter of the height above
/// and below.
const PADDING_DIVISOR: usize = 4;

/// A detector that retries close-ups: where the reference would find no face,
/// it adds a margin to the photo, then scales it down step by step. The same
/// photo always takes the same attempts. If the first attempt, which is the
/// reference's, finds a face, the result is the inner detector's. In the others
/// only faces with at least [`FaceDetector::retry_score`] count, since each
/// retry is another chance of a false detection.
#[derive(Debug)]
pub struct RetryingDetector {
    detector: Box<dyn FaceDetector>,
}

impl RetryingDetector {
    /// Wraps `detector` with retries.
    #[must_use]
    pub fn new(detector: Box<dyn FaceDetector>) -> Self {
        Self { detector }
    }

    /// Keeps the faces that count after the first attempt.
    fn certain(&self, mut faces: Vec<Face>) -> Vec<Face> {
        faces.retain(|face| face.score >= self.detector.retry_score());
        faces
    }

    fn detect_on(&self, attempt: Attempt, photo: &RgbImage) -> Result<Vec<Face>, VisionError> {
        match attempt {
            Attempt::Size(size) => self.detector.detect_at(photo, size),
            Attempt::Padded => {
                let room = Padded::around(photo);
                let mut faces = self.detector.detect(&room.image)?;
                for face in &mut faces {
                    *face = room.to_photo(face);
                }
                Ok(faces)
            }
        }
    }
}

impl FaceDetector for RetryingDetector {
    /// Detects once, because the size is given.
    fn detect_at(&self, photo: &RgbImage, size: usize) -> Result<Vec<Face>, VisionError> {
        self.detector.detect_at(photo, size)
    }

    /// Returns the faces of the first attempt that finds any.
    fn detect(&self, photo: &RgbImage) -> Result<Vec<Face>, VisionError> {
        let mut faces = self.detector.detect(photo)?;
        for attempt in ATTEMPTS {
            if !faces.is_empty() {
                break;
            }
            faces = self.certain(self.detect_on(attempt, photo)?);
        }
        Ok(faces)
    }

    fn retry_score(&self) -> f32 {
        self.detector.retry_score()
    }
}

/// A photo with a black margin, and the mapping back.
struct Padded {
    image: RgbImage,
    /// Left of the photo and above it, in pixels of the image.
    padding: [usize; 2],
    /// Pixels of the image per pixel of the photo, along x and y.
    scale: [f32; 2],
}

impl Padded {
    /// Adds a margin; a photo larger than the detector's canvas is scaled to it
    /// first, so that the margin takes no more memory than that.
    fn around(photo: &RgbImage) -> Self {
        if photo.width().max(photo.height()) <= DETECTION_SIZE {
            return Self::padding(photo, [1.0; 2]);
        }
        let (width, height) = fitted_size(photo.width(), photo.height(), DETECTION_SIZE);
        let scale = [
            width as f32 / photo.width() as f32,
            height as f32 / photo.height() as f32,
        ];
        Self::padding(&resize_bilinear(photo, width, height), scale)
    }

    fn padding(photo: &RgbImage, scale: [f32; 2]) -> Self {
        let padding = [photo.width(), photo.height()].map(|side| side / PADDING_DIVISOR);
        let [left, top] = padding;
        let mut image = RgbImage::black(photo.width() + 2 * left, photo.height() + 2 * top);
        for y in 0..photo.height() {
            image.row_mut(top + y)[left * CHANNELS..][..photo.width() * CHANNELS]
                .copy_from_slice(photo.row(y));
        }
        Self {
            image,
            padding,
            scale,
        }
    }

    /// Maps a face in the image to pixels of the photo.
    fn to_photo(&self, face: &Face) -> Face {
        let x = |value: f32| (value - self.padding[0] as f32) / self.scale[0];
        let y = |value: f32| (value - self.padding[1] as f32) / self.scale[1];
        let [left, top, right, bottom] = face.bounding_box;
        let Landmarks(points) = face.landmarks;
        Face {
            score: face.score,
            bounding_box: [x(left), y(top), x(right), y(bottom)],
            landmarks: Landmarks(points.map(|[px, py]| [x(px), y(py)])),
        }
    }
}

#[cfg(test)]
mod tests;
