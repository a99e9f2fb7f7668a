//! The models of a preset, in memory.

mod adapter;
mod component;
mod fit;
mod models;
mod progress;
mod style_pipeline;

use std::path::PathBuf;

pub use models::Models;
pub use progress::{LoadProgress, LoadStep};
pub use style_pipeline::{BaseModel, StylePipeline};

use facegen_core::{Preset, PresetError};

use crate::{DeviceChoice, EngineError};

/// How a preset is loaded; what it consists of is the preset's business.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Directory of what the engine makes itself: synthetic weights.
    pub data_dir: PathBuf,
    /// Where the models run.
    pub device: DeviceChoice,
    /// Told of each network whose loading begins.
    pub progress: LoadProgress,
    /// When images are looked at.
    pub safety: SafetyPolicy,
}

/// What the operator wants of the safety checker.
#[derive(Clone, Copy, Debug, Default)]
pub struct SafetyPolicy {
    /// StylePipeline at every image, also when a request says not to, and refuse
    /// presets that cannot.
    pub mandatory: bool,
    /// Find every image unsafe that is looked at, even without a checker.
    /// For tests.
    pub force_hit: bool,
}

impl SafetyPolicy {
    /// Refuses a preset that cannot do what the operator wants.
    pub(crate) fn check(self, preset: &Preset) -> Result<(), PresetError> {
        if self.mandatory && !preset.has_safety_checker() {
            return Err(
                preset.refusal("it has no safety checker, and safety.mandatory asks for one")
            );
        }
        Ok(())
    }
}

/// Refuses a preset with located files that cannot be loaded, as far as that can be told
/// without reading weights: an engine that works need not go for one that never will.
///
/// # Errors
/// The models do not fit each other, the device is not there, or a safety checker is mandatory and there
/// is none.
pub fn can_load(preset: &Preset, options: &LoadOptions) -> Result<(), EngineError> {
    options.safety.check(preset)?;
    options.device.check()?;
    fit::check(preset)
}
