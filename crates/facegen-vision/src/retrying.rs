//! Faces that fill the photo.
//!
//! Detectors are trained on faces that leave room around them, so a close-up is
//! the most frequent photo in which none is found. Each attempt
//! shows the detector a smaller face, or more room, than the one before.

use facegen_image::{CHANNELS, RgbImage};

use crate::bilinear::resize_bilinear;
use crate::error::VisionError;
use crate::face::{DETECTION_SIZE, Face, FaceDetector, Landmarks};
use crate::letterbox::fitted_size;

/// One way of showing a photo to the detector.
#[derive(Debug, Clone, Copy)]
enum Attempt {
    /// The photo as it is, its longer side brought to this many pixels.
    Size(usize),
    /// The photo with black around it, at the usual size.
    Padded,
}

/// What follows the reference's own look, the photo as it is at the usual size.
const RUNGS: [Attempt; 6] = [
    Attempt::Padded,
    Attempt::Size(512),
    Attempt::Size(448),
    Attempt::Size(384),
    Attempt::Size(320),
    Attempt::Size(128),
];

/// A quarter of the width to the left and to the right, a quarter of the height
/// above and below.
const PADDING_DIVISOR: usize = 4;

/// A detector that does not give up on close-ups: where the reference would find
/// nobody, it adds room around the photo, then looks at it smaller and
/// smaller. The same photo always takes the same steps. With a face on the
/// first rung, which is the reference's, the answer is the inner detector's. On
/// the others only faces with at least [`FaceDetector::retry_score`] count, since
/// every further look is one more occasion to see a face where there is none.
#[derive(Debug)]
pub struct RetryingDetector {
    detector: Box<dyn FaceDetector>,
}

impl RetryingDetector {
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

    fn detect_on(&self, rung: Attempt, photo: &RgbImage) -> Result<Vec<Face>, VisionError> {
        match rung {
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

/// A photo with black around it, and the way back.
struct Padded {
    image: RgbImage,
    /// To the left of the photo and above it, in pixels of the image.
    padding: [usize; 2],
    /// Pixels of the image a pixel of the photo, along x and y.
    scale: [f32; 2],
}

impl Padded {
    /// A photo larger than the detector's canvas is brought to its size
    /// first, so that the room around it takes no more memory than that.
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

    /// A face found in the image, in pixels of the photo.
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
