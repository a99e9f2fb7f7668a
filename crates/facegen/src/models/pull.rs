//! `facegen models pull`.

use std::path::Path;

use anyhow::Result;
use facegen_core::Preset;
use facegen_core::preset::Licence;
use facegen_hub::{Pull, Pulled, import};

use super::progress::Progress;
use super::{say, show};
use crate::config::Config;
use crate::config::environment::Environment;

/// Takes files from `from`, then fetches those that are missing.
pub(super) fn run(
    preset: &Preset,
    from: Option<&Path>,
    config: &Config,
    environment: &Environment,
) -> Result<()> {
    if let Some(from) = from {
        let (data_dir, accept) = (&config.storage.data_dir, &config.models.accept);
        let progress = Progress::new();
        let count = import(preset, from, data_dir, accept, &|event| {
            progress.hear(&event);
        })?;
        say(&format!("{count} files taken from {}", from.display()))?;
    }
    let pulled = fetch(preset, config, environment)?;
    show(&conditions(preset))?;
    report(preset, pulled)
}

/// Fetches the files of a preset that are missing, and shows how far it is.
pub(crate) fn fetch(preset: &Preset, config: &Config, environment: &Environment) -> Result<Pulled> {
    let access = environment.hub()?;
    let progress = Progress::new();
    let pull = Pull {
        access: &access,
        data_dir: &config.storage.data_dir,
        accept: &config.models.accept,
        progress: &|event| progress.hear(&event),
    };
    Ok(pull.run(preset)?)
}

/// Prints that a preset is here.
pub(crate) fn report(preset: &Preset, pulled: Pulled) -> Result<()> {
    let name = preset.name();
    say(&format!(
        "{name} is here: {} files fetched, {} were here",
        pulled.fetched, pulled.here
    ))
}

/// Returns the licences that are not for research only; those that are were
/// shown when they were accepted.
fn conditions(preset: &Preset) -> Vec<(&str, &Licence)> {
    let licences = preset.licences().iter();
    licences
        .filter(|(_, licence)| !licence.research_only)
        .map(|(name, licence)| (name.as_str(), licence))
        .collect()
}
