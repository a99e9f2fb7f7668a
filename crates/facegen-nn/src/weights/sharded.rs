//! Checkpoints of an index and its shards.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use candle_core::Tensor;
use serde::Deserialize;

use super::single_file::open_file;
use super::{TensorSource, WeightsError, mistaken_for};

/// A checkpoint in several files, with an index that says where each tensor is.
#[derive(Debug)]
pub struct ShardedCheckpoint {
    path: PathBuf,
    /// Each tensor with the shard that holds it.
    tensors: BTreeMap<String, Arc<dyn TensorSource>>,
}

/// The part of `*.index.json` that is used.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, PathBuf>,
}

impl ShardedCheckpoint {
    /// Opens an index and the shards next to it.
    ///
    /// # Errors
    /// Fails when a file is missing or cannot be read, or index and shards do
    /// not name the same tensors.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let text = std::fs::read(path).map_err(|error| WeightsError::unreadable(path, &error))?;
        let index: Index = serde_json::from_slice(&text).map_err(|error| {
            let is_object = text.trim_ascii_start().starts_with(b"{");
            let mistaken = mistaken_for(path).filter(|_| !is_object);
            match mistaken {
                Some(what) => WeightsError::unreadable(path, &format!("it is {what}, no index")),
                None => WeightsError::unreadable(path, &error),
            }
        })?;
        let directory = path.parent().unwrap_or(Path::new(""));
        let mut shards = BTreeMap::new();
        for name in index.weight_map.values() {
            if !shards.contains_key(name) {
                check_name(path, name)?;
                shards.insert(name.clone(), open_file(&directory.join(name))?);
            }
        }
        for (name, shard) in &shards {
            check_shard(path, &index, name, shard.as_ref())?;
        }
        let tensors = index
            .weight_map
            .into_iter()
            .filter_map(|(tensor, name)| Some((tensor, Arc::clone(shards.get(&name)?))))
            .collect();
        Ok(Self {
            path: path.to_owned(),
            tensors,
        })
    }
}

/// Checks that a shard is a file next to its index, so that an index cannot
/// point elsewhere.
fn check_name(index: &Path, shard: &Path) -> Result<(), WeightsError> {
    let mut parts = shard.components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) => Ok(()),
        (_, _) => {
            let reason = format!(
                "{} is not the name of a file in its directory",
                shard.display()
            );
            Err(WeightsError::unreadable(index, &reason))
        }
    }
}

/// Compares the index's names for a shard with the shard's contents.
fn check_shard(
    path: &Path,
    index: &Index,
    name: &Path,
    shard: &dyn TensorSource,
) -> Result<(), WeightsError> {
    let named = |tensor: &String| index.weight_map.get(tensor).is_some_and(|of| of == name);
    let unnamed: Vec<String> = shard
        .names()
        .into_iter()
        .filter(|tensor| !named(tensor))
        .collect();
    if !unnamed.is_empty() {
        let reason = format!(
            "it does not name {} of {}",
            unnamed.join(", "),
            shard.origin()
        );
        return Err(WeightsError::unreadable(path, &reason));
    }
    let absent = index
        .weight_map
        .iter()
        .find(|(tensor, of)| of.as_path() == name && !shard.contains(tensor));
    match absent {
        Some((tensor, _)) => Err(WeightsError::Missing {
            tensor: tensor.clone(),
            file: shard.origin(),
        }),
        None => Ok(()),
    }
}

impl TensorSource for ShardedCheckpoint {
    fn load(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        match self.tensors.get(name) {
            Some(shard) => shard.load(name, shape),
            None => Err(WeightsError::Missing {
                tensor: name.to_owned(),
                file: self.origin(),
            }),
        }
    }

    fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    fn origin(&self) -> String {
        self.path.display().to_string()
    }
}
