use std::fmt::Debug;

use candle_core::Tensor;

use super::WeightsError;

/// A source of a checkpoint's tensors.
pub trait TensorSource: Debug + Send + Sync {
    /// Reads a tensor on the CPU, in the dtype that it is stored in. `shape` is
    /// what the model expects; a file ignores it and the caller compares.
    ///
    /// # Errors
    /// Fails with [`WeightsError::Missing`] when there is none of that name.
    fn load(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError>;

    /// Returns whether there is a tensor of that name.
    fn contains(&self, name: &str) -> bool;

    /// Lists every name in the checkpoint.
    fn names(&self) -> Vec<String>;

    /// Returns the checkpoint's name in errors: its path.
    fn origin(&self) -> String;

    /// Returns a tensor's name in errors: that in the file, which differs where
    /// names are translated.
    fn name_in_file(&self, name: &str) -> String {
        name.to_owned()
    }
}

/// A change to weights while they are loaded, such as fusing a LoRA.
pub trait WeightPatch: Debug + Send + Sync {
    /// Returns the tensor to use in place of `tensor` (f32, on the CPU).
    ///
    /// # Errors
    /// Fails when the patch does not fit the tensor.
    fn apply(&self, name: &str, tensor: Tensor) -> Result<Tensor, WeightsError>;

    /// Marks what [`apply`](Self::apply) reads for a tensor as taken: the tensor
    /// was changed and packed before.
    fn skip(&self, name: &str);
}
