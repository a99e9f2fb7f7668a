use crate::packs::PackError;
use crate::weights::WeightsError;

/// The result type of this crate.
pub type Result<T, E = NnError> = std::result::Result<T, E>;

/// An error while building or running a model.
#[derive(Debug, thiserror::Error)]
pub enum NnError {
    /// A tensor operation failed: mismatched shapes or a device fault.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A checkpoint does not match the model.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Packed weights cannot be written.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A `config.json` is unreadable or describes a model that is not supported.
    #[error("invalid model config: {0}")]
    Config(String),
    /// An argument does not fit the model.
    #[error("{0}")]
    Argument(String),
}
