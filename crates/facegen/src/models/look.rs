//! `facegen models list` and `verify`.

use std::path::Path;

use anyhow::{Result, bail};
use facegen_core::Preset;
use facegen_hub::{self as hub, Accepted, Gate, HubError};

use super::progress::Progress;
use super::say;
use crate::config::Config;

/// Prints a line for each preset: its name, its state and its description.
pub(super) fn list(config: &Config) -> Result<()> {
    let accepted = Accepted::read(&config.storage.data_dir, &config.models.accept)?;
    for preset in Preset::all(&config.engine.models_dir)? {
        let state = state(&preset, &config.storage.data_dir, &accepted)?;
        say(&format!(
            "{}\t{state}\t{}",
            preset.name(),
            preset.description()
        ))?;
    }
    Ok(())
}

fn state(preset: &Preset, data_dir: &Path, accepted: &Accepted) -> Result<String> {
    let files = hub::files(preset, data_dir)?;
    let missing = files.iter().filter(|file| !file.is_here).count();
    let here = match missing {
        0 => "ready".to_owned(),
        missing => format!("{missing} of {} files missing", files.len()),
    };
    match Gate::check(preset, accepted) {
        Ok(()) => Ok(here),
        Err(HubError::Licence { licences, .. }) => {
            Ok(format!("{here}, to be accepted: {}", licences.join(" ")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Hashes the fetched files of the presets and reports those that differ.
pub(super) fn verify(names: &[String], config: &Config) -> Result<()> {
    let (models_dir, data_dir) = (&config.engine.models_dir, &config.storage.data_dir);
    let presets: Vec<Preset> = if names.is_empty() {
        Preset::all(models_dir)?
    } else {
        let find = |name: &String| Preset::find(models_dir, name);
        names.iter().map(find).collect::<Result<_, _>>()?
    };
    let progress = Progress::new();
    let mut wrong = 0;
    for preset in presets {
        let has_files = hub::files(&preset, data_dir)?
            .iter()
            .any(|file| file.is_here);
        if names.is_empty() && !has_files {
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
        if faults.is_empty() {
            say(&format!("{}\tverified", preset.name()))?;
        }
        wrong += faults.len();
    }
    if wrong > 0 {
        bail!("{wrong} files are missing or damaged");
    }
    Ok(())
}
