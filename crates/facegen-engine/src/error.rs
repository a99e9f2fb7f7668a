use std::path::PathBuf;

use facegen_core::preset::PresetError;
use facegen_image::ImageSizeError;
use facegen_nn::{NnError, WeightsError};
use facegen_vision::VisionError;

/// Why a preset could not be loaded or an image not be made.
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
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not the one that the preset was made with.
    #[error("{path} has sha256 {found}, the preset expects {expected}", path = path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// By the preset.
        expected: String,
        /// Of the file.
        found: String,
    },
    /// A `config.json` cannot be understood.
    #[error("{path}: {source}", path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// The tokenizer cannot be read or does not know a token of CLIP.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// The device is not there or was not compiled in.
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
    /// NaN or infinity where latents or pixels should be.
    #[error("the model produced values that are not finite")]
    NotFinite,
    /// A defect of facegen.
    #[error("{0}")]
    Defect(String),
    /// The preset lacks what the request asks for.
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
