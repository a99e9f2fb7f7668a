//! What changes while the server runs.

use anyhow::Result;
use facegen_api::ApiSettings;
use facegen_core::Current;
use facegen_core::Preset;
use facegen_outbound::{Faces, Guard};

use super::parts;
use crate::config::Config;
use crate::engine;
use crate::failure::Failure;

/// What the server runs by.
#[derive(Debug, Clone)]
pub(super) struct RuntimeConfig {
    pub(super) config: Config,
    pub(super) preset: Preset,
}

impl RuntimeConfig {
    /// The runtime of this config.
    ///
    /// # Errors
    /// There is no such preset, or its manifest is not valid.
    pub(super) fn new(config: Config) -> Result<Self, Failure> {
        let preset = engine::find(&config.engine.models_dir, &config.engine.preset)?;
        let unknown = unknown_licences(&config);
        if !unknown.is_empty() {
            let names = unknown.join(", ");
            tracing::warn!(names, "models.accept names unknown licences");
        }
        Ok(Self { config, preset })
    }

    /// Whether an engine that was loaded by `other` makes the same images.
    pub(super) fn has_engine_of(&self, other: &Self) -> bool {
        let (own, other_config) = (&self.config, &other.config);
        own.engine == other_config.engine
            && own.models == other_config.models
            && own.safety == other_config.safety
            && self.preset.is_same_as(&other.preset)
    }
}

/// The names that the operator accepts and no preset knows.
fn unknown_licences(config: &Config) -> Vec<String> {
    // The manifests of other presets may be broken.
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

/// The parts of the server that follow the runtime while it runs. Clones are the
/// same parts.
#[derive(Debug, Clone)]
pub(super) struct Reloadable {
    /// What requests and webhooks go by.
    pub(super) settings: Current<ApiSettings>,
    /// What reads photos.
    pub(super) faces: Current<Faces>,
    guard: Guard,
}

impl Reloadable {
    /// The parts, by this runtime.
    pub(super) fn new(runtime: &RuntimeConfig) -> Result<Self> {
        let guard = parts::guard(&runtime.config)?;
        Ok(Self {
            settings: Current::new(parts::api_settings(&runtime.config, &runtime.preset)?),
            faces: Current::new(parts::faces(&runtime.config, guard.clone())),
            guard,
        })
    }

    /// What URLs that callers name go through. It stays the same.
    pub(super) fn guard(&self) -> Guard {
        self.guard.clone()
    }

    /// Goes over to another runtime.
    ///
    /// # Errors
    /// It names no device. Nothing has changed then.
    pub(super) fn apply(&self, runtime: &RuntimeConfig) -> Result<()> {
        self.settings
            .set(parts::api_settings(&runtime.config, &runtime.preset)?);
        self.faces.set(parts::faces(&runtime.config, self.guard()));
        Ok(())
    }
}
