//! Where the packed weights of presets are kept, and the record of their hashes.

use facegen_engine::Packs;
use facegen_hub::{self as hub, LockedPack};

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
