//! `facegen models pull`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use facegen_core::Preset;
use facegen_core::preset::Licence;
use facegen_hub::{Pull, import};

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
    let access = environment.hub()?;
    let (data_dir, accept) = (&config.storage.data_dir, &config.models.accept);
    let progress = Progress::new();
    let listener = |event: facegen_hub::PullEvent<'_>| progress.hear(&event);
    if let Some(from) = from {
        let count = import(preset, from, data_dir, accept, &listener)?;
        say(&format!("{count} files taken from {}", from.display()))?;
    }
    let pull = Pull {
        access: &access,
        data_dir,
        accept,
        progress: &listener,
    };
    let pulled = pull.run(preset)?;
    show(&conditions(preset))?;
    let name = preset.name();
    say(&format!(
        "{name} is here: {} files fetched, {} were here",
        pulled.fetched, pulled.here
    ))
}

/// Returns the licences that are not for research only; those that are were
/// shown when they were accepted.
fn conditions(preset: &Preset) -> BTreeMap<&str, &Licence> {
    let licences = preset.licences().iter();
    licences
        .filter(|(_, licence)| !licence.research_only)
        .map(|(name, licence)| (name.as_str(), licence))
        .collect()
}
