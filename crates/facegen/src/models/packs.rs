//! Reading packed weights as a whole.

use anyhow::Result;
use facegen_engine::verify_pack;
use facegen_hub as hub;

use super::say;
use crate::config::Config;

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
                "{preset}\t{fault}, deleted: the next start packs again"
            ))?;
            std::fs::remove_file(&pack.path)?;
        }
    }
    Ok((read, wrong))
}
