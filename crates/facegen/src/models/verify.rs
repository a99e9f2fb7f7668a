//! `facegen models verify`.

use anyhow::{Result, bail};
use facegen_core::Preset;
use facegen_hub as hub;

use super::progress::Progress;
use super::{packs, say};
use crate::config::Config;

/// Hashes the fetched files and the packed weights of the presets and reports those that differ.
pub(super) fn run(names: &[String], config: &Config) -> Result<()> {
    let (models_dir, data_dir) = (&config.engine.models_dir, &config.storage.data_dir);
    let presets: Vec<Preset> = if names.is_empty() {
        Preset::all(models_dir)?
    } else {
        let find = |name: &String| Preset::find(models_dir, name);
        names.iter().map(find).collect::<Result<_, _>>()?
    };
    let progress = Progress::new();
    let (mut checked, mut wrong) = (0, 0);
    for preset in presets {
        let has_files = hub::files(&preset, data_dir)?
            .iter()
            .any(|file| file.is_here);
        let (packs, wrong_packs) = packs::verify(preset.name(), config)?;
        if names.is_empty() && !has_files && packs == 0 {
            continue;
        }
        let faults = hub::verify(&preset, data_dir, &|event| progress.hear(&event))?;
        for fault in &faults {
            say(&format!(
                "{}\t{}\t{}",
                preset.name(),
                fault.file,
                fault.error
            ))?;
        }
        if faults.is_empty() && wrong_packs == 0 {
            say(&format!("{}\tverified", preset.name()))?;
        }
        wrong += faults.len() + wrong_packs;
        checked += 1;
    }
    if checked == 0 {
        say("no preset has fetched files")?;
    }
    if wrong > 0 {
        bail!("{wrong} files are missing or damaged");
    }
    Ok(())
}
