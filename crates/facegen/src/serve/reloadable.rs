//! The parts of the server that can change while it runs.

use anyhow::Result;
use facegen_api::ApiSettings;
use facegen_core::Current;
use facegen_core::Preset;
use facegen_outbound::{Faces, Guard};

use super::parts;
use crate::config::Config;
use crate::engine;
use crate::failure::Failure;

/// The config and the preset that the server runs with.
#[derive(Debug, Clone)]
pub(super) struct RuntimeConfig {
    pub(super) config: Config,
    pub(super) preset: Preset,
}

impl RuntimeConfig {
    /// Finds the preset of this config.
    ///
    /// # Errors
    /// Fails when the preset does not exist or its manifest is not valid.
    pub(super) fn new(config: Config) -> Result<Self, Failure> {
        let preset = engine::find(&config.engine.models_dir, &config.engine.preset)?;
        let unknown = unknown_licences(&config);
        if !unknown.is_empty() {
            let names = unknown.join(", ");
            tracing::warn!(names, "models.accept names unknown licences");
        }
        Ok(Self { config, preset })
    }

    /// Returns whether an engine that was loaded for `other` makes the same
    /// images.
    pub(super) fn has_engine_of(&self, other: &Self) -> bool {
        let (own, other_config) = (&self.config, &other.config);
        own.engine == other_config.engine
            && own.models == other_config.models
            && own.safety == other_config.safety
            && self.preset.is_same_as(&other.preset)
    }
}

/// Returns the accepted licences that no preset has.
fn unknown_licences(config: &Config) -> Vec<String> {
    // Manifests of other presets may be invalid.
    let Ok(presets) = Preset::all(&config.engine.models_dir) else {
        return Vec::new();
    };
    let is_known = |name: &str| {
        let mut presets = presets.iter();
        presets.any(|preset| preset.licences().contains_key(name))
    };
    let accepted = config.models.accept.iter();
    accepted.filter(|name| !is_known(name)).cloned().collect()
}

/// The parts that use the runtime's settings. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Reloadable {
    /// The settings of requests and webhooks.
    pub(super) settings: Current<ApiSettings>,
    /// The fetcher and decoder of photos.
    pub(super) faces: Current<Faces>,
    guard: Guard,
}

impl Reloadable {
    /// Creates the parts with the settings of this runtime.
    pub(super) fn new(runtime: &RuntimeConfig) -> Result<Self> {
        let guard = parts::guard(&runtime.config)?;
        Ok(Self {
            settings: Current::new(parts::api_settings(&runtime.config, &runtime.preset)?),
            faces: Current::new(parts::faces(&runtime.config, guard.clone())),
            guard,
        })
    }

    /// Returns the guard of URLs that callers name. A reload does not change
    /// it.
    pub(super) fn guard(&self) -> Guard {
        self.guard.clone()
    }

    /// Applies the settings of another runtime.
    ///
    /// # Errors
    /// Fails when the runtime has an invalid device, and then changes nothing.
    pub(super) fn apply(&self, runtime: &RuntimeConfig) -> Result<()> {
        self.settings
            .set(parts::api_settings(&runtime.config, &runtime.preset)?);
        self.faces.set(parts::faces(&runtime.config, self.guard()));
        Ok(())
    }
}
