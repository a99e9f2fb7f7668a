use std::path::PathBuf;

use facegen_core::preset::PresetError;
use facegen_image::ImageSizeError;
use facegen_nn::{NnError, WeightsError};
use facegen_vision::VisionError;

/// An error while loading a preset or generating an image.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The preset or its manifest cannot be used.
    #[error(transparent)]
    Preset(#[from] PresetError),
    /// A file of a model cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A file differs from the one in the preset.
    #[error("{path} has sha256 {found}, the preset expects {expected}", path = path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// According to the preset.
        expected: String,
        /// Of the file.
        found: String,
    },
    /// A `config.json` cannot be parsed.
    #[error("{path}: {source}", path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        source: serde_json::Error,
    },
    /// The tokenizer cannot be read or lacks a token of CLIP.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// The device is unavailable or was not compiled in.
    #[error("{0}")]
    Device(String),
    /// A model could not be loaded or run.
    #[error(transparent)]
    Model(#[from] NnError),
    /// Bytes that are not the pixels of an image.
    #[error(transparent)]
    ImageSize(#[from] ImageSizeError),
    /// A face could not be found, aligned or embedded.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// Latents or pixels with NaN or infinity.
    #[error("the model produced values that are not finite")]
    NotFinite,
    /// A defect of facegen.
    #[error("{0}")]
    Defect(String),
    /// The preset does not offer what the request needs.
    #[error("{0}")]
    NotOffered(String),
}

impl From<WeightsError> for EngineError {
    fn from(error: WeightsError) -> Self {
        Self::Model(error.into())
    }
}

impl From<candle_core::Error> for EngineError {
    fn from(error: candle_core::Error) -> Self {
        Self::Model(error.into())
    }
}
