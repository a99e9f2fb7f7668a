use std::path::PathBuf;

/// Why a preset cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    /// There is no such preset.
    #[error("there is no preset {name}; {available}")]
    Unknown {
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
    InvalidName {
        /// What was given.
        name: String,
        /// The directory of the presets.
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
    /// The manifest or the directory of presets cannot be read.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
