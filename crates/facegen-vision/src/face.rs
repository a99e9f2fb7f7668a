//! The type of a face, and the two ports for networks.

use std::fmt::Debug;

use facegen_image::RgbImage;

use crate::error::VisionError;

/// The side of the crop that face embedders expect, in pixels.
pub const EMBEDDER_CROP: usize = 112;

/// Five points of a face in pixels of the photo, `[x, y]` each: the eye on the
/// left of the image, the eye on the right, the tip of the nose, the corner of
/// the mouth on the left, the one on the right. Points can be outside the photo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Landmarks(pub [[f32; 2]; 5]);

/// One detected face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Face {
    /// The detector's confidence, from 0 to 1.
    pub score: f32,
    /// Left, top, right and bottom in pixels of the photo, not clipped to it.
    pub bounding_box: [f32; 4],
    /// Eyes, nose and mouth.
    pub landmarks: Landmarks,
}

/// The detection size of the reference, in pixels.
pub const DETECTION_SIZE: usize = 640;

/// Finds the faces in a photo.
pub trait FaceDetector: Send + Sync + Debug {
    /// Returns every face in `photo`, highest score first; the list can be
    /// empty. The longer side of the photo is first scaled to `size` pixels:
    /// the smaller it is, the larger the faces that the network can detect.
    ///
    /// # Errors
    /// Fails when the network fails.
    fn detect_at(&self, photo: &RgbImage, size: usize) -> Result<Vec<Face>, VisionError>;

    /// Returns every face in `photo` at the reference's [`DETECTION_SIZE`].
    ///
    /// # Errors
    /// Fails when the network fails.
    fn detect(&self, photo: &RgbImage) -> Result<Vec<Face>, VisionError> {
        self.detect_at(photo, DETECTION_SIZE)
    }

    /// Returns the minimum score of a face that only a retry found. 0 accepts
    /// every detected face.
    fn retry_score(&self) -> f32 {
        0.0
    }
}

/// Computes the embedding of a face from its aligned crop.
pub trait FaceEmbedder: Send + Sync + Debug {
    /// Returns the raw embedding, 512 numbers of any length, of a crop that
    /// [`norm_crop`](crate::norm_crop) made at 112×112 pixels.
    ///
    /// # Errors
    /// Fails with [`VisionError::EmbedderInput`] for a crop of another size, or
    /// when the network fails.
    fn embed(&self, crop: &RgbImage) -> Result<Vec<f32>, VisionError>;
}
