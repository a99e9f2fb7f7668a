//! Why a preset cannot be used.

use std::path::PathBuf;

/// Why a preset cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    /// There is no such preset.
    #[error("there is no preset {name}; {available}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The presets that exist, for the message.
        available: String,
    },
    /// The name is not valid.
    #[error(
        "{name:?} is not the name of a preset: it is made of ASCII letters, digits and hyphens, and \
         names the file NAME.toml in {models_dir}; {available}", models_dir = models_dir.display()
    )]
    InvalidName {
        /// The name that was given.
        name: String,
        /// The directory of the presets.
        models_dir: PathBuf,
        /// The presets that exist, for the message.
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
    /// The manifest or the directory of presets cannot be read.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
}
