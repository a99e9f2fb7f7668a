//! Strictly loaded checkpoints: a missing, extra or mis-shaped tensor is an
//! error that names it.

mod directory;
mod error;
mod mapped;
mod mistaken;
mod open;
mod packed;
mod renamed;
mod sharded;
mod single_file;
mod source;
mod torch;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Tensor};

pub use error::WeightsError;
pub use mapped::MappedSafetensors;
pub use mistaken::mistaken_for;
pub use renamed::NewName;
pub use sharded::ShardedCheckpoint;
pub use source::{TensorSource, WeightPatch};
pub use torch::TorchArchive;

use renamed::RenamedTensors;

use crate::packs::Packing;

/// A checkpoint, seen from one prefix of its names.
///
/// Clones and prefixes share one record of the tensors taken, so that
/// [`finish`](Self::finish) can name the unused ones.
#[derive(Clone, Debug)]
pub struct Weights {
    source: Arc<dyn TensorSource>,
    /// The patch, and where the names that it sees begin.
    patch: Option<(Arc<dyn WeightPatch>, usize)>,
    taken: Arc<Mutex<BTreeSet<String>>>,
    prefix: String,
    packing: Packing,
}

impl Weights {
    /// Opens a checkpoint without reading its tensors yet: a safetensors file,
    /// a torch file (`.bin`, `.pt`, `.ckpt`), the `*.index.json` of one in
    /// several files, or a directory of diffusers or transformers. Files are
    /// recognised by their content. Of a directory's checkpoints, full
    /// precision is preferred to half, and safetensors to a torch file.
    ///
    /// # Errors
    /// Fails when a file is missing, truncated or not in one of the formats.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        Ok(Self::new(open::open(path)?))
    }

    /// Reads the tensors of any source.
    #[must_use]
    pub fn new(source: Arc<dyn TensorSource>) -> Self {
        Self {
            source,
            patch: None,
            taken: Arc::default(),
            prefix: String::new(),
            packing: Packing::InMemory,
        }
    }

    /// Sets where the packed form of the weights comes from.
    #[must_use]
    pub fn packing(self, packing: &Packing) -> Self {
        Self {
            packing: packing.clone(),
            ..self
        }
    }

    /// Returns where the packed form of the weights comes from.
    pub(crate) fn packed_by(&self) -> &Packing {
        &self.packing
    }

    /// Presents the same checkpoint under other names: `rename` maps each name
    /// to a new one, or to none where the tensor is not the model's. Only
    /// renamed tensors that are not taken count as left over, not the rest of
    /// the file.
    #[must_use]
    pub fn renamed(&self, rename: impl Fn(&str) -> Option<NewName>) -> Self {
        Self::new(Arc::new(RenamedTensors::new(
            Arc::clone(&self.source),
            rename,
        )))
        .packing(&self.packing)
    }

    /// Lists every name in the checkpoint, in no particular order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.source.names()
    }

    /// Returns the checkpoint's name in errors: its path.
    #[must_use]
    pub fn origin(&self) -> String {
        self.source.origin()
    }

    /// Applies `patch` to every tensor that is taken; the patch sees names from
    /// this prefix on.
    #[must_use]
    pub fn patched(self, patch: Arc<dyn WeightPatch>) -> Self {
        let start = self.full_name("").len();
        Self {
            patch: Some((patch, start)),
            ..self
        }
    }

    /// Returns the weights below `segment`, as `torch.nn.Module` nests them.
    #[must_use]
    pub fn pp(&self, segment: impl std::fmt::Display) -> Self {
        Self {
            prefix: self.full_name(&segment.to_string()),
            ..self.clone()
        }
    }

    /// Returns whether the checkpoint has a tensor of this name below this
    /// prefix.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.source.contains(&self.full_name(name))
    }

    /// Takes a tensor as f32 on the CPU; layers convert and pack it.
    ///
    /// # Errors
    /// Fails when it is missing, has another shape or cannot be read.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        let full_name = self.full_name(name);
        let tensor = self.source.load(&full_name, shape)?;
        self.check(&full_name, &tensor, shape)?;
        let tensor = tensor.to_dtype(DType::F32)?;
        let tensor = match &self.patch {
            Some((patch, start)) => patch.apply(&full_name[*start..], tensor)?,
            None => tensor,
        };
        self.mark_taken(full_name);
        Ok(tensor)
    }

    /// Declares names below a prefix as known but unused, for example the
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
    /// Fails when the checkpoint holds tensors below this prefix that the model
    /// did not take.
    pub fn finish(&self) -> Result<(), WeightsError> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let prefix = self.full_name("");
        let mut extra: Vec<String> = self.source.names();
        extra.retain(|name| name.starts_with(&prefix) && !taken.contains(name));
        if extra.is_empty() {
            return Ok(());
        }
        let mut extra: Vec<String> = extra
            .iter()
            .map(|name| self.source.name_in_file(name))
            .collect();
        extra.sort();
        Err(WeightsError::Extra {
            tensors: extra,
            file: self.source.origin(),
        })
    }

    fn check(&self, name: &str, tensor: &Tensor, shape: &[usize]) -> Result<(), WeightsError> {
        let (in_file, file) = (self.source.name_in_file(name), self.source.origin());
        if tensor.dims() != shape {
            return Err(WeightsError::Shape {
                tensor: in_file,
                file,
                expected: shape.to_vec(),
                found: tensor.dims().to_vec(),
            });
        }
        if [DType::F32, DType::F16, DType::BF16].contains(&tensor.dtype()) {
            return Ok(());
        }
        Err(WeightsError::Type {
            tensor: in_file,
            file,
            found: tensor.dtype().as_str().to_owned(),
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

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// Holds ones of any shape under a few names.
    #[derive(Debug)]
    struct Ones(Vec<&'static str>);

    impl TensorSource for Ones {
        fn load(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
            if !self.contains(name) {
                return Err(WeightsError::Missing {
                    tensor: name.to_owned(),
                    file: self.origin(),
                });
            }
            Ok(Tensor::ones(shape, DType::F32, &Device::Cpu)?)
        }

        fn contains(&self, name: &str) -> bool {
            self.0.contains(&name)
        }

        fn names(&self) -> Vec<String> {
            self.0.iter().map(|name| (*name).to_owned()).collect()
        }

        fn origin(&self) -> String {
            "ones".to_owned()
        }
    }

    /// Doubles the tensor called `a.weight`.
    #[derive(Debug)]
    struct Double;

    impl WeightPatch for Double {
        fn apply(&self, name: &str, tensor: Tensor) -> Result<Tensor, WeightsError> {
            Ok(if name == "a.weight" {
                (tensor * 2.0)?
            } else {
                tensor
            })
        }

        fn skip(&self, _name: &str) {}
    }

    fn value(weights: &Weights, name: &str) -> f32 {
        weights.get(name, &[1]).unwrap().to_vec1::<f32>().unwrap()[0]
    }

    #[test]
    fn a_patch_sees_names_from_its_prefix_on() {
        let source = Arc::new(Ones(vec!["unet.a.weight", "unet.b.weight"]));
        let weights = Weights::new(source).pp("unet").patched(Arc::new(Double));
        assert_eq!(value(&weights.pp("a"), "weight"), 2.0);
        assert_eq!(value(&weights, "b.weight"), 1.0);
    }

    #[test]
    fn unused_tensors_below_a_prefix_are_named() {
        let source = Arc::new(Ones(vec!["1.weight", "1.bias", "10.weight"]));
        let weights = Weights::new(source).pp(1);
        value(&weights, "weight");
        let error = weights.finish().unwrap_err().to_string();
        assert_eq!(
            error,
            "ones has tensors that the model does not know: 1.bias"
        );
        weights.ignore("bias");
        weights.finish().unwrap();
    }

    #[test]
    fn missing_tensors_are_named() {
        let error = Weights::new(Arc::new(Ones(vec![])))
            .pp("a")
            .get("weight", &[1])
            .unwrap_err();
        assert_eq!(error.to_string(), "ones has no tensor a.weight");
    }
}
