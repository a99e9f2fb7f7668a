//! The errors of face analysis.

use std::path::PathBuf;

/// An error while analysing a photo or loading a network.
#[derive(Debug, thiserror::Error)]
pub enum VisionError {
    /// Bytes that are not the pixels of an image.
    #[error(transparent)]
    ImageSize(#[from] facegen_image::ImageSizeError),
    /// The detector found no face.
    #[error("no face found in the photo")]
    NoFace,
    /// The five landmarks coincide or are not finite, so they define no crop.
    #[error("the landmarks of the face do not span a face")]
    DegenerateLandmarks,
    /// An aligned crop was requested in a size without a template.
    #[error("no alignment template of {0} pixels: the size must be a multiple of 112 or 128")]
    CropSize(usize),
    /// An embedder was given something other than a crop of its input size.
    #[error("the face embedder takes a crop of 112x112 pixels, not {width}x{height}")]
    EmbedderInput {
        /// The width given.
        width: usize,
        /// The height given.
        height: usize,
    },
    /// The embedder's output is zeros or not a number.
    #[error("the face embedding has no direction")]
    EmbeddingWithoutDirection,
    /// The file is missing, unreadable or not an ONNX network.
    #[error("cannot load the network {}: {source}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// The reader's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The loaded network does not have the interface of its role.
    #[error("{} is not a {role}: {problem}", path.display())]
    Interface {
        /// The file.
        path: PathBuf,
        /// The intended use of the network.
        role: &'static str,
        /// How its inputs or outputs differ.
        problem: String,
    },
    /// A loaded network failed while it ran.
    #[error("the network {} failed: {source}", path.display())]
    Run {
        /// The file the network came from.
        path: PathBuf,
        /// The runtime's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The safety checker cannot be loaded or run.
    #[error("safety checker: {0}")]
    SafetyChecker(#[from] facegen_nn::NnError),
    /// An image cannot be checked, which is not the same as being safe.
    #[error("safety checker: a score is not finite")]
    SafetyScore,
}
