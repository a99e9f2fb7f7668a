//! The models of a preset, in memory.

mod component;
mod fit;
mod models;

use std::path::PathBuf;

pub use models::Models;

use crate::DeviceChoice;

/// How a preset is loaded; what it consists of is the preset's business.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Folder for what the server makes itself, synthetic weights among it.
    pub data_dir: PathBuf,
    /// Where the models run.
    pub device: DeviceChoice,
}
