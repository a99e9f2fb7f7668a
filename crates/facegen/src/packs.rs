//! Where the packed weights of presets are kept, the record of their hashes, and
//! the progress of packing.

use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};

use facegen_engine::{PackProgress, Packs};
use facegen_hub::{self as hub, LockedPack};
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::Config;

/// The bar of a pack.
const TEMPLATE: &str = "packing {msg} {bytes}/{total_bytes} [{wide_bar}] {percent}%";

/// Returns where packed weights are kept; each that is written is recorded.
pub(crate) fn kept(config: &Config) -> Packs {
    let Some(directory) = config.pack_dir() else {
        return Packs::default();
    };
    // Records are read from other working directories.
    let directory = std::path::absolute(&directory).unwrap_or(directory);
    let data_dir = config.storage.data_dir.clone();
    let packs = Packs::new(directory, move |preset, written| {
        let pack = LockedPack {
            preset: preset.to_owned(),
            path: written.path.clone(),
            size: written.size,
            sha256: written.sha256.clone(),
        };
        if let Err(error) = hub::record_pack(&data_dir, pack) {
            tracing::warn!(%error, "failed to record the hash of packed weights");
        }
    });
    let packs = packs.releasing(config.models.release_after_use);
    // Elsewhere the log says what is packed.
    if !io::stderr().is_terminal() {
        return packs;
    }
    let bar = Mutex::new(None);
    packs.heard_by(move |progress| {
        let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
        *bar = shown(bar.take(), progress);
    })
}

/// Shows how far a pack is; its bar is gone once it is complete.
fn shown(bar: Option<ProgressBar>, progress: PackProgress<'_>) -> Option<ProgressBar> {
    let bar = bar.unwrap_or_else(|| {
        // The name of the network, without the hash of its checkpoints.
        let network = progress.pack.split('-').next().unwrap_or_default();
        let style = ProgressStyle::with_template(TEMPLATE);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(0)
            .with_style(style)
            .with_message(network.to_owned())
    });
    bar.set_length(progress.size);
    bar.set_position(progress.done);
    if progress.done < progress.size {
        return Some(bar);
    }
    bar.finish_and_clear();
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_lasts_until_its_pack_is_complete() {
        let at = |done, size| PackProgress {
            pack: "image_encoder-0123456789abcdef",
            done,
            size,
        };
        let bar = shown(None, at(5, 20)).unwrap();
        assert_eq!(bar.message(), "image_encoder");
        let bar = shown(Some(bar), at(15, 20)).unwrap();
        assert_eq!((bar.position(), bar.length()), (15, Some(20)));
        assert!(shown(Some(bar), at(18, 18)).is_none());
    }
}
