use std::path::PathBuf;

use facegen_nn::{NnError, WeightsError};
use facegen_vision::VisionError;

use crate::hub::HubError;

/// Why a preset could not be loaded or a picture not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such preset.
    #[error("there is no preset {name}; {available}")]
    UnknownPreset {
        /// The name that was asked for.
        name: String,
        /// Which presets there are.
        available: String,
    },
    /// No preset can have this name.
    #[error(
        "{name:?} is not the name of a preset: it is made of ASCII letters, digits and hyphens, and \
         names the file NAME.toml in {models_dir}; {available}", models_dir = models_dir.display()
    )]
    PresetName {
        /// What was given.
        name: String,
        /// The folder of the presets.
        models_dir: PathBuf,
        /// Which presets there are.
        available: String,
    },
    /// A preset's manifest is not valid.
    #[error("preset {path}: {reason}", path = path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
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
    /// A face could not be found, aligned or embedded.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// Weights of a hub may not be used, are missing or damaged.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// A picture could not be encoded.
    #[error("png: {0}")]
    Png(#[from] png::EncodingError),
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
