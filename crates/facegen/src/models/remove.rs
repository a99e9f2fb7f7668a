//! `facegen models rm`.

use anyhow::Result;
use facegen_core::Preset;
use facegen_hub::{self as hub, PullEvent};
use indicatif::HumanBytes;

use super::progress::Progress;
use super::say;
use crate::config::Config;
use crate::packs;

/// Deletes the fetched files and the packed weights of a preset, and prints each that is deleted or
/// kept.
pub(super) fn run(preset: &Preset, config: &Config) -> Result<()> {
    let presets = Preset::all(&config.engine.models_dir)?;
    let waiting = || Progress::new().hear(&PullEvent::Waiting);
    let removal = hub::remove(preset, &presets, &config.storage.data_dir, waiting)?;
    for (file, size) in &removal.removed {
        say(&format!("deleted {file}, {}", HumanBytes(*size)))?;
    }
    for (file, user) in &removal.kept {
        say(&format!("kept {file}, which {user} uses"))?;
    }
    let packs = packs::kept(config).remove(preset.name())?;
    for (path, size) in &packs {
        say(&format!(
            "deleted {}, {}",
            path.display(),
            HumanBytes(*size)
        ))?;
    }
    let bytes = removal.removed.iter().map(|(_, size)| size);
    let bytes = bytes.chain(packs.iter().map(|(_, size)| size)).sum();
    say(&format!(
        "{}: {} files deleted, {}; {} kept",
        preset.name(),
        removal.removed.len() + packs.len(),
        HumanBytes(bytes),
        removal.kept.len()
    ))
}
