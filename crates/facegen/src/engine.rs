//! Loading of a preset on an engine thread.

use std::path::{Path, PathBuf};

use anyhow::Context;
use facegen_core::Preset;
use facegen_core::{Backend, EngineName};
use facegen_engine::{CandleBackend, DeviceChoice, LoadOptions};
use facegen_executor::{EngineHandle, LoadError};

use crate::config::environment::Environment;
use crate::config::{Config, ConfigArguments};
use crate::data_dir;
use crate::failure::Failure;
use crate::packs;
use crate::times;

/// The models to load, and their device.
#[derive(Debug, clap::Args)]
pub(crate) struct EngineArguments {
    /// The set of models to use: a manifest in the models directory, or one that
    /// is compiled in.
    #[arg(long, value_name = "NAME", default_value = "demo")]
    pub(crate) preset: String,
    /// The directory of the models' manifests; it need not exist.
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub(crate) models_dir: PathBuf,
    /// The directory of fetched models and of files that facegen creates.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data_dir: PathBuf,
    /// Where the models run: auto, cpu, cuda:NUMBER or metal:NUMBER.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: DeviceChoice,
    /// Accept a licence of the models by its name, in addition to those of the
    /// config; can be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) accept_licence: Vec<String>,
    /// The server's settings, of which only those of `models`, and
    /// `engine.cuda_kernels`, apply here.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl EngineArguments {
    /// Returns the settings of a server with these options, from the config
    /// and the environment.
    fn settings(&self, environment: &Environment) -> anyhow::Result<Config> {
        let arguments = ConfigArguments {
            config: self.config.clone(),
            data_dir: Some(self.data_dir.clone()),
            accept_licence: self.accept_licence.clone(),
            ..ConfigArguments::default()
        };
        Config::load(&arguments, environment)
    }
}

/// Loads a preset on its own engine thread.
pub(crate) fn start(preset: Preset, arguments: &EngineArguments) -> Result<EngineHandle, Failure> {
    let config = arguments.settings(&Environment::of_process());
    let config = config.context("the settings, of which those of models count here")?;
    data_dir::make(&arguments.data_dir)?;
    let options = LoadOptions {
        data_dir: arguments.data_dir.clone(),
        device: arguments.device,
        candle_operations: !config.engine.cuda_kernels,
        packs: packs::kept(&config),
        ..LoadOptions::default()
    };
    let name = EngineName::new(&options.device.name());
    let accept = config.models.accept;
    load(&name, preset, accept, options, |backend| Box::new(backend))
}

/// Finds the preset with that name.
pub(crate) fn find(models_dir: &Path, name: &str) -> Result<Preset, Failure> {
    Preset::find(models_dir, name).map_err(|error| Failure::Load(error.into()))
}

/// Loads a preset on its own engine thread, passes it to `finish`, and blocks
/// until it is ready. `accept` names accepted licences in addition to those
/// that the data directory records.
pub(crate) fn load(
    engine: &EngineName,
    preset: Preset,
    accept: Vec<String>,
    options: LoadOptions,
    finish: impl Fn(CandleBackend) -> Box<dyn Backend> + Send + 'static,
) -> Result<EngineHandle, Failure> {
    let name = preset.name().to_owned();
    let load = move || -> Result<_, LoadError> {
        let located = facegen_hub::locate(&preset, &options.data_dir, &accept)?;
        let backend = CandleBackend::load(&located, &options)?;
        let (data_dir, device) = (&options.data_dir, options.device.name());
        Ok(times::kept(
            finish(backend),
            data_dir,
            preset.name(),
            device,
        ))
    };
    EngineHandle::spawn(engine.as_str(), load)
        .with_context(|| format!("preset {name}"))
        .map_err(Failure::Load)
}
