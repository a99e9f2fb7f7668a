//! The packed weights of presets: the options that keep them, and their records.

use facegen_engine::{Packs, verify_pack};
use facegen_hub::{self as hub, LockedPack};

use anyhow::Result;

use super::say;
use crate::config::Config;

/// Returns where packed weights are kept; each that is written is recorded.
pub(crate) fn kept(config: &Config) -> Packs {
    let Some(directory) = config.pack_dir() else {
        return Packs::default();
    };
    // Records are read from other working directories.
    let directory = std::path::absolute(&directory).unwrap_or(directory);
    let data_dir = config.storage.data_dir.clone();
    Packs::new(directory, move |preset, written| {
        let pack = LockedPack {
            preset: preset.to_owned(),
            path: written.path.clone(),
            size: written.size,
            sha256: written.sha256.clone(),
        };
        if let Err(error) = hub::record_pack(&data_dir, pack) {
            tracing::warn!(%error, "failed to record the hash of packed weights");
        }
    })
}

/// Reads the packs of a preset as a whole. Prints and deletes those that
/// differ from what was written, and returns how many were read and how many
/// differed.
pub(super) fn verify(preset: &str, config: &Config) -> Result<(usize, usize)> {
    let (mut read, mut wrong) = (0, 0);
    for pack in hub::packs(preset, &config.storage.data_dir)? {
        let fault = match verify_pack(&pack.path) {
            // Deleted, perhaps because its models have changed.
            Ok(None) => continue,
            Ok(Some(sha256)) if sha256 == pack.sha256 => None,
            Ok(Some(sha256)) => {
                let (path, written) = (pack.path.display(), &pack.sha256);
                Some(format!("{path} has sha256 {sha256}, {written} was written"))
            }
            Err(error) => Some(error.to_string()),
        };
        read += 1;
        if let Some(fault) = fault {
            wrong += 1;
            say(&format!(
                "{preset}\t{fault}, deleted: the next start packs anew"
            ))?;
            std::fs::remove_file(&pack.path)?;
        }
    }
    Ok((read, wrong))
}
