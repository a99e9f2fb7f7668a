//! The files of a preset that come from a hub.

use std::fs;
use std::path::Path;

use facegen_core::Preset;
use facegen_core::preset::{HubFile, Source};
use serde::Deserialize;

use crate::HubError;
use crate::lock_file::{LockFile, Presence};
use crate::store::Store;

/// A file on a hub, with the preset's hash and size.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The model that it belongs to.
    pub(super) component: String,
    pub(super) file: HubFile,
    pub(super) sha256: Option<String>,
    pub(super) bytes: Option<u64>,
}

/// Whether a file of a preset that comes from a hub is on disk.
#[derive(Debug)]
pub struct PresetFile {
    /// The model, by its name in the manifest.
    pub component: String,
    /// The file, by its name on the hub.
    pub file: HubFile,
    /// Whether it was fetched and is still on disk.
    pub is_here: bool,
    /// Its size, where known.
    pub bytes: Option<u64>,
}

/// Returns the files of a preset that come from a hub, and whether they are on
/// disk. Does not read them.
///
/// # Errors
/// Fails when `models.lock` cannot be read.
pub fn files(preset: &Preset, data_dir: &Path) -> Result<Vec<PresetFile>, HubError> {
    let store = Store::new(data_dir);
    let lock = LockFile::read(&store)?;
    let describe = |wanted: Wanted| {
        let presence = lock.presence(&store, &wanted.file, wanted.sha256.as_deref());
        let known = lock.get(&wanted.file).map(|locked| locked.size);
        PresetFile {
            component: wanted.component,
            is_here: presence != Presence::Missing,
            bytes: wanted.bytes.or(known),
            file: wanted.file,
        }
    };
    Ok(wanted(preset).into_iter().map(describe).collect())
}

/// Returns the files of the manifest that come from a hub.
pub(super) fn wanted(preset: &Preset) -> Vec<Wanted> {
    let components = preset.models().into_iter();
    let of_hub = components.filter_map(|(component, model)| match &model.source {
        Source::Hub(file) => Some(Wanted {
            component,
            file: file.clone(),
            sha256: model.sha256.clone(),
            bytes: model.bytes,
        }),
        Source::Path(_) | Source::Synthetic(_) => None,
    });
    of_hub.collect()
}

/// The index of a checkpoint in several files.
#[derive(Deserialize)]
struct ShardIndex {
    weight_map: std::collections::BTreeMap<String, String>,
}

/// Returns the files in its directory that an index names; none for other files.
///
/// # Errors
/// Fails when the index cannot be read, or names a file outside its directory.
pub(super) fn shards(index: &Wanted, commit: &str, path: &Path) -> Result<Vec<Wanted>, HubError> {
    if !index.file.file().ends_with(".index.json") {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(path).map_err(HubError::at(path))?;
    let refuse = |reason| HubError::Index {
        file: index.file.to_string(),
        reason,
    };
    let content: ShardIndex =
        serde_json::from_str(&text).map_err(|_| refuse("it is no index of a checkpoint"))?;
    let mut names: Vec<String> = content.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    let shard = |name: String| {
        let file = index.file.sibling(commit, &name);
        Ok(Wanted {
            component: index.component.clone(),
            file: file.ok_or_else(|| refuse("it names a file outside its directory"))?,
            sha256: None,
            bytes: None,
        })
    };
    names.into_iter().map(shard).collect()
}
