//! Strictly loaded checkpoints: a missing, extra or mis-shaped tensor is an
//! error that names it.

mod error;
mod mapped;
mod source;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Tensor};

pub use error::WeightsError;
pub use mapped::MappedSafetensors;
pub use source::{TensorSource, WeightPatch};

/// A checkpoint, seen from one prefix of its names.
///
/// Clones and prefixes share one record of what was taken, so that
/// [`finish`](Self::finish) can name what nobody asked for.
#[derive(Clone, Debug)]
pub struct Weights {
    source: Arc<dyn TensorSource>,
    patch: Option<Arc<dyn WeightPatch>>,
    taken: Arc<Mutex<BTreeSet<String>>>,
    prefix: String,
}

impl Weights {
    /// Opens a safetensors file without reading its tensors yet.
    ///
    /// # Errors
    /// When the file is missing, truncated or not in the format.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        Ok(Self::new(Arc::new(MappedSafetensors::open(path)?)))
    }

    /// The tensors of any source.
    #[must_use]
    pub fn new(source: Arc<dyn TensorSource>) -> Self {
        Self {
            source,
            patch: None,
            taken: Arc::default(),
            prefix: String::new(),
        }
    }

    /// The same weights with `patch` applied to every tensor that is taken;
    /// the patch sees names from this prefix on.
    #[must_use]
    pub fn patched(self, patch: Arc<dyn WeightPatch>) -> Self {
        Self {
            patch: Some(patch),
            ..self
        }
    }

    /// The weights below `segment`, as `torch.nn.Module` nests them.
    #[must_use]
    pub fn pp(&self, segment: impl std::fmt::Display) -> Self {
        Self {
            prefix: self.full_name(&segment.to_string()),
            ..self.clone()
        }
    }

    /// Whether the checkpoint has a tensor of this name, at this prefix.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.source.contains(&self.full_name(name))
    }

    /// Takes a tensor as f32 on the CPU; layers convert and pack it.
    ///
    /// # Errors
    /// When it is missing, has another shape or cannot be read.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        let full_name = self.full_name(name);
        let tensor = self.source.load(&full_name, shape)?;
        if tensor.dims() != shape {
            return Err(WeightsError::Shape {
                tensor: full_name,
                file: self.source.origin(),
                expected: shape.to_vec(),
                found: tensor.dims().to_vec(),
            });
        }
        let tensor = tensor.to_dtype(DType::F32)?;
        let tensor = match &self.patch {
            Some(patch) => patch.apply(&full_name, tensor)?,
            None => tensor,
        };
        self.mark_taken(full_name);
        Ok(tensor)
    }

    /// Declares names below a prefix as known and not needed, for example the
    /// encoder of a VAE that only decodes.
    pub fn ignore(&self, prefix: &str) {
        let prefix = self.full_name(prefix);
        for name in self
            .source
            .names()
            .into_iter()
            .filter(|name| name.starts_with(&prefix))
        {
            self.mark_taken(name);
        }
    }

    /// Ends the loading of a model.
    ///
    /// # Errors
    /// When the checkpoint holds tensors below this prefix that the model did
    /// not take.
    pub fn finish(&self) -> Result<(), WeightsError> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut extra: Vec<String> = self.source.names();
        extra.retain(|name| name.starts_with(&self.prefix) && !taken.contains(name));
        if extra.is_empty() {
            return Ok(());
        }
        extra.sort();
        Err(WeightsError::Extra {
            tensors: extra,
            file: self.source.origin(),
        })
    }

    fn mark_taken(&self, name: String) {
        self.taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name);
    }

    fn full_name(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.prefix)
        }
    }
}
