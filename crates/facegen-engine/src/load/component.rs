use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use facegen_core::Preset;
use facegen_core::preset::{Component, HubFile, Source};
use facegen_core::sha256::{self, hexadecimal};
use facegen_nn::Weights;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::pack_place::{PackPlace, PackSource};
use crate::synthetic::SyntheticWeights;
use crate::{EngineError, LoadOptions};

/// Incremented whenever synthetic weights change, so that old files are not
/// reused.
const SYNTHETIC_VERSION: u32 = 2;

/// Reads the `config.json` of a component.
///
/// # Errors
/// Fails when the preset names none, or it cannot be read or parsed.
pub(super) fn config<T: DeserializeOwned>(
    preset: &Preset,
    component: &Component,
) -> Result<T, EngineError> {
    let path = config_path(preset, component)?;
    let file = File::open(&path).map_err(|source| EngineError::File {
        path: path.clone(),
        source,
    })?;
    serde_json::from_reader(BufReader::new(file))
        .map_err(|source| EngineError::Config { path, source })
}

/// Returns the file of a component that is not a checkpoint.
///
/// # Errors
/// Fails when it is synthetic, missing, or not the one in the preset.
pub(super) fn file(preset: &Preset, component: &Component) -> Result<PathBuf, EngineError> {
    match &component.source {
        Source::Path(path) => {
            let path = preset.path(path);
            check_hash(&path, component)?;
            Ok(path)
        }
        Source::Synthetic(_) => Err(preset.refusal("only checkpoints can be synthetic").into()),
        Source::Hub(file) => Err(not_located(file)),
    }
}

/// Loads a model from the checkpoint of a component. If that is synthetic, it
/// is created first: `load` then runs twice, the first time only to record
/// which tensors it needs.
///
/// # Errors
/// Fails when the checkpoint cannot be read or created, or is not the model's.
pub(super) fn model<T>(
    preset: &Preset,
    component: &Component,
    options: &LoadOptions,
    load: impl Fn(&Weights) -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    patched_model(preset, component, &[], options, load)
}

/// Loads a model whose weights `patches` change.
///
/// # Errors
/// See [`model`].
pub(super) fn patched_model<T>(
    preset: &Preset,
    component: &Component,
    patches: &[&Component],
    options: &LoadOptions,
    load: impl Fn(&Weights) -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let path = match &component.source {
        Source::Path(_) => file(preset, component)?,
        Source::Synthetic(seed) => {
            let path = synthetic_path(preset, component, *seed, options)?;
            if !path.exists() {
                let source = Arc::new(SyntheticWeights::new(*seed));
                load(&Weights::new(Arc::clone(&source) as _))?;
                source.write(&path)?;
                tracing::info!(path = %path.display(), "wrote synthetic weights");
            }
            path
        }
        Source::Hub(file) => return Err(not_located(file)),
    };
    let place = pack_place(preset, component, patches, options)?;
    options.packs.load(place.as_ref(), |packing| {
        load(&Weights::open(&path)?.packing(packing))
    })
}

/// Returns the pack of a model, where packs are kept. While the synthetic
/// checkpoint of a patch is not written yet, there is none.
fn pack_place(
    preset: &Preset,
    component: &Component,
    patches: &[&Component],
    options: &LoadOptions,
) -> Result<Option<PackPlace>, EngineError> {
    let Some(kernel) = options.packs.kernel() else {
        return Ok(None);
    };
    let source = |component: &&Component| -> Result<PackSource, EngineError> {
        let path = match &component.source {
            Source::Path(path) => preset.path(path),
            Source::Synthetic(seed) => synthetic_path(preset, component, *seed, options)?,
            Source::Hub(file) => return Err(not_located(file)),
        };
        let sha256 = component.sha256.clone();
        Ok(PackSource { path, sha256 })
    };
    let sources = std::iter::once(&component).chain(patches).map(source);
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let model = model_name(preset, component)?;
    Ok(PackPlace::new(preset, &model, &sources, kernel).ok())
}

/// Returns the name of the directory of a component's config, such as `unet`.
fn model_name(preset: &Preset, component: &Component) -> Result<String, EngineError> {
    let config = config_path(preset, component)?;
    let directory = config.parent().and_then(Path::file_name);
    Ok(directory.unwrap_or_default().to_string_lossy().into_owned())
}

/// Returns the path of a synthetic checkpoint, whose name is derived from
/// everything that its contents depend on.
fn synthetic_path(
    preset: &Preset,
    component: &Component,
    seed: u32,
    options: &LoadOptions,
) -> Result<PathBuf, EngineError> {
    let mut identity = Sha256::new()
        .chain_update(SYNTHETIC_VERSION.to_le_bytes())
        .chain_update(seed.to_le_bytes());
    // All configs, because an adapter's tensors depend on the UNet's too.
    for path in preset.components().configs() {
        let path = preset.path(path);
        let bytes = std::fs::read(&path);
        identity.update(bytes.map_err(|source| EngineError::File { path, source })?);
    }
    let name = model_name(preset, component)?;
    let directory = options
        .data_dir
        .join("synthetic")
        .join(preset.name())
        .join(name);
    Ok(directory.join(format!("{}.safetensors", &hexadecimal(identity)[..16])))
}

/// Reports a hub file that the caller should have replaced by a path.
fn not_located(file: &HubFile) -> EngineError {
    EngineError::Defect(format!("{file} was not located"))
}

fn config_path(preset: &Preset, component: &Component) -> Result<PathBuf, EngineError> {
    let config = component.config.as_ref();
    let config = config.ok_or_else(|| preset.refusal("a model has no config"))?;
    Ok(preset.path(config))
}

fn check_hash(path: &Path, component: &Component) -> Result<(), EngineError> {
    let at = |source| EngineError::File {
        path: path.to_owned(),
        source,
    };
    let Some(expected) = &component.sha256 else {
        // Metadata, because this may be a directory.
        return std::fs::metadata(path).map(|_| ()).map_err(at);
    };
    let found = sha256::of_file(path).map_err(at)?;
    if found == *expected {
        return Ok(());
    }
    Err(EngineError::Hash {
        path: path.to_owned(),
        expected: expected.clone(),
        found,
    })
}
