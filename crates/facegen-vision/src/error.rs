//! Everything that can go wrong between a photo and an identity.

use std::path::PathBuf;

/// Why a photo could not be analysed, or a network not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum VisionError {
    /// Bytes that are not the pixels of an image.
    #[error(transparent)]
    ImageSize(#[from] facegen_image::ImageSizeError),
    /// The detector saw nobody.
    #[error("no face found in the photo")]
    NoFace,
    /// The five landmarks are one point, or not finite: no crop follows from them.
    #[error("the landmarks of the face do not span a face")]
    DegenerateLandmarks,
    /// An aligned crop was asked for in a size for which no template exists.
    #[error("no alignment template of {0} pixels: the size must be a multiple of 112 or 128")]
    CropSize(usize),
    /// An embedder was given something else than a crop of its input size.
    #[error("the face embedder takes a crop of 112x112 pixels, not {width}x{height}")]
    EmbedderInput {
        /// The width given.
        width: usize,
        /// The height given.
        height: usize,
    },
    /// The embedder answered with zeros or with something that is not a number.
    #[error("the face embedding has no direction")]
    EmbeddingWithoutDirection,
    /// The file is missing, unreadable or not an ONNX network.
    #[error("cannot load the network {}: {source}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A network was loaded that does not have the interface of its role.
    #[error("{} is not a {role}: {problem}", path.display())]
    Interface {
        /// The file.
        path: PathBuf,
        /// What the network was to be used as.
        role: &'static str,
        /// How its inputs or outputs differ.
        problem: String,
    },
    /// A loaded network failed while it ran.
    #[error("the network {} failed: {source}", path.display())]
    Run {
        /// The file the network came from.
        path: PathBuf,
        /// What the runtime said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The safety checker cannot be loaded or run.
    #[error("safety checker: {0}")]
    SafetyChecker(#[from] facegen_nn::NnError),
    /// An image cannot be judged, which is not the same as being safe.
    #[error("safety checker: a score is not finite")]
    SafetyScore,
}
