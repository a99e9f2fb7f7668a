use std::fmt::Debug;

use candle_core::Tensor;

use super::WeightsError;

/// Where the tensors of a checkpoint come from.
pub trait TensorSource: Debug + Send + Sync {
    /// Reads a tensor on the CPU, in the dtype that it is stored in. `shape` is
    /// what the model expects; a file ignores it and the caller compares.
    ///
    /// # Errors
    /// [`WeightsError::Missing`] when there is none of that name.
    fn load(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError>;

    /// Whether there is a tensor of that name.
    fn contains(&self, name: &str) -> bool;

    /// Every name in the checkpoint.
    fn names(&self) -> Vec<String>;

    /// What to call the checkpoint in an error: its path.
    fn origin(&self) -> String;

    /// What to call a tensor in an error: its name in the file, which differs
    /// where names are translated.
    fn name_in_file(&self, name: &str) -> String {
        name.to_owned()
    }
}

/// A change of weights while they are loaded, such as a LoRA that is fused.
pub trait WeightPatch: Debug + Send + Sync {
    /// Returns the tensor to use in place of `tensor` (f32, on the CPU).
    ///
    /// # Errors
    /// When the patch does not fit the tensor.
    fn apply(&self, name: &str, tensor: Tensor) -> Result<Tensor, WeightsError>;
}
