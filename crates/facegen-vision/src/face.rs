//! What a face is to this crate, and the two ports behind which networks sit.

use std::fmt::Debug;

use facegen_image::RgbImage;

use crate::error::VisionError;

/// The side of the crop that face embedders take, in pixels.
pub const EMBEDDER_CROP: usize = 112;

/// Five points of a face in pixels of the photo, `[x, y]` each: the eye on
/// the left of the image, the eye on the right, the tip of the nose, the corner
/// of the mouth on the left, the one on the right. Points may lie outside the
/// photo.
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
    /// Every face in `photo`, highest score first; none is an empty list. The
    /// longer side of the photo is brought to `size` pixels first: the
    /// smaller, the larger the faces that the network can take in.
    ///
    /// # Errors
    /// When the network behind the port fails.
    fn detect_at(&self, photo: &RgbImage, size: usize) -> Result<Vec<Face>, VisionError>;

    /// Every face in `photo` at the size of the reference, [`DETECTION_SIZE`].
    ///
    /// # Errors
    /// When the network behind the port fails.
    fn detect(&self, photo: &RgbImage) -> Result<Vec<Face>, VisionError> {
        self.detect_at(photo, DETECTION_SIZE)
    }

    /// The score from which a face counts that was found only when the photo
    /// was shown again in another way. 0 lets every detected face count.
    fn retry_score(&self) -> f32 {
        0.0
    }
}

/// Turns the aligned crop of a face into the vector of an identity.
pub trait FaceEmbedder: Send + Sync + Debug {
    /// The raw embedding, 512 numbers of any length, of a crop that
    /// [`norm_crop`](crate::norm_crop) made at 112×112 pixels.
    ///
    /// # Errors
    /// [`VisionError::EmbedderInput`] for a crop of another size, or when the
    /// network behind the port fails.
    fn embed(&self, crop: &RgbImage) -> Result<Vec<f32>, VisionError>;
}
