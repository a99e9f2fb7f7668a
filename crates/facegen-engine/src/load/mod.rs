//! Loading the models of a preset.

mod adapter;
mod component;
mod fit;
mod models;
mod pack_place;
mod packs;
mod progress;
mod style_pipeline;

use std::path::PathBuf;

pub use models::Models;
pub use packs::{PackProgress, Packs, verify_pack};
pub use progress::{LoadProgress, LoadStep};
pub use style_pipeline::{BaseModel, StylePipeline};

use facegen_core::{Preset, PresetError};

use crate::{DeviceChoice, EngineError};

/// Options for loading a preset; the preset names the models.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Directory for files that the engine creates: synthetic weights.
    pub data_dir: PathBuf,
    /// The device of the models.
    pub device: DeviceChoice,
    /// Whether candle's operations compute on an NVIDIA GPU, too, and not the CUDA kernels.
    pub candle_operations: bool,
    /// Where packed weights are kept.
    pub packs: Packs,
    /// Notified when the loading of a network begins.
    pub progress: LoadProgress,
    /// When images are checked.
    pub safety: SafetyPolicy,
}

/// The operator's settings for the safety checker.
#[derive(Clone, Copy, Debug, Default)]
pub struct SafetyPolicy {
    /// Whether to check every image, even if a request opts out, and refuse presets that cannot.
    pub mandatory: bool,
    /// Whether to find every checked image unsafe, even without a checker. For tests.
    pub force_hit: bool,
}

impl SafetyPolicy {
    /// Refuses a preset that does not satisfy the policy.
    pub(crate) fn check(self, preset: &Preset) -> Result<(), PresetError> {
        if self.mandatory && !preset.has_safety_checker() {
            return Err(
                preset.refusal("it has no safety checker, and safety.mandatory asks for one")
            );
        }
        Ok(())
    }
}

/// Refuses a preset with located files that cannot be loaded, as far as that shows without reading
/// weights, so that a working engine is not stopped for it.
///
/// # Errors
/// Fails when the models do not match, the device is unavailable, or a safety checker is mandatory
/// and missing.
pub fn can_load(preset: &Preset, options: &LoadOptions) -> Result<(), EngineError> {
    options.safety.check(preset)?;
    options.device.check()?;
    fit::check(preset)
}
