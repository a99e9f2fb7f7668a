use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// How many extra tensors an error names before it only counts.
const NAMED: usize = 5;

/// Why a checkpoint was refused.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file is missing, truncated or not a checkpoint.
    #[error("cannot read {file}: {reason}", file = file.display())]
    Unreadable {
        /// The file that was opened.
        file: PathBuf,
        /// The reader's message.
        reason: String,
    },
    /// The model needs a tensor that the checkpoint does not hold.
    #[error("{file} has no tensor {tensor}")]
    Missing {
        /// Full name of the tensor.
        tensor: String,
        /// The checkpoint that was searched.
        file: String,
    },
    /// A tensor has another shape than the model's config says.
    #[error("tensor {tensor} of {file} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Full name of the tensor.
        tensor: String,
        /// The checkpoint.
        file: String,
        /// Shape according to the config.
        expected: Vec<usize>,
        /// Shape in the checkpoint.
        found: Vec<usize>,
    },
    /// A tensor has a type that weights do not have.
    #[error("tensor {tensor} of {file} has type {found}, weights are f32, f16 or bf16")]
    Type {
        /// Full name of the tensor.
        tensor: String,
        /// The checkpoint.
        file: String,
        /// Its type, in the words of the file's format.
        found: String,
    },
    /// A tensor is stored in an unsupported way.
    #[error("tensor {tensor} of {file} cannot be read: {reason}")]
    Unsupported {
        /// Full name of the tensor.
        tensor: String,
        /// The checkpoint.
        file: String,
        /// The reason.
        reason: String,
    },
    /// A LoRA would be applied twice.
    #[error("{adapter} already holds the lora that {lora} would apply a second time")]
    LoraTwice {
        /// The adapter's checkpoint.
        adapter: String,
        /// The separate LoRA's checkpoint.
        lora: String,
    },
    /// The checkpoint holds tensors that no part of the model used.
    #[error("{file} has tensors that the model does not know: {}", list(tensors))]
    Extra {
        /// Full names, sorted.
        tensors: Vec<String>,
        /// The checkpoint.
        file: String,
    },
    /// A tensor could not be converted.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl WeightsError {
    /// Builds the error of a checkpoint that cannot be read, and why.
    pub(super) fn unreadable(file: &Path, reason: &impl ToString) -> Self {
        Self::Unreadable {
            file: file.to_owned(),
            reason: reason.to_string(),
        }
    }
}

fn list(tensors: &[String]) -> String {
    let mut text = tensors
        .iter()
        .take(NAMED)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if tensors.len() > NAMED {
        let _ = write!(text, " and {} more", tensors.len() - NAMED);
    }
    text
}
