//! The tensors of another source under other names.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use candle_core::Tensor;

use super::{TensorSource, WeightsError};

/// The name that a model uses for a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewName {
    name: String,
    is_linear: bool,
}

impl NewName {
    /// Renames a tensor.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            is_linear: false,
        }
    }

    /// Renames a matrix that the file may hold as a convolution of one pixel,
    /// `(out, in, 1, 1)` or `(out, in, 1)`.
    #[must_use]
    pub fn linear(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            is_linear: true,
        }
    }
}

/// A checkpoint whose tensors are presented under other names.
pub(super) struct RenamedTensors {
    source: Arc<dyn TensorSource>,
    /// Each new name with the name in the file and whether it is linear.
    tensors: BTreeMap<String, (String, bool)>,
}

impl RenamedTensors {
    /// Applies `rename`, which maps each name to a new one, or to none where
    /// the tensor is not the model's. The first of two tensors with the same
    /// new name gets it; the second keeps its own, so that it is left over.
    pub(super) fn new(
        source: Arc<dyn TensorSource>,
        rename: impl Fn(&str) -> Option<NewName>,
    ) -> Self {
        let mut tensors = BTreeMap::new();
        let mut names = source.names();
        names.sort();
        for name in names {
            if let Some(NewName {
                name: new,
                is_linear,
            }) = rename(&name)
            {
                let key = if tensors.contains_key(&new) {
                    name.clone()
                } else {
                    new
                };
                tensors.insert(key, (name, is_linear));
            }
        }
        Self { source, tensors }
    }
}

impl TensorSource for RenamedTensors {
    fn load(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        let Some((in_file, is_linear)) = self.tensors.get(name) else {
            return Err(WeightsError::Missing {
                tensor: name.to_owned(),
                file: self.origin(),
            });
        };
        let tensor = self.source.load(in_file, shape)?;
        match tensor.dims() {
            [output, input, 1] | [output, input, 1, 1] if *is_linear => {
                Ok(tensor.reshape((*output, *input))?)
            }
            _ => Ok(tensor),
        }
    }

    fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    fn origin(&self) -> String {
        format!(
            "{} (translated from its original names)",
            self.source.origin()
        )
    }

    fn name_in_file(&self, name: &str) -> String {
        match self.tensors.get(name) {
            Some((in_file, _)) => self.source.name_in_file(in_file),
            None => name.to_owned(),
        }
    }
}

impl fmt::Debug for RenamedTensors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("RenamedTensors")
            .field(&self.source)
            .finish()
    }
}
