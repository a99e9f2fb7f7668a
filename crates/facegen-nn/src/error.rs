use crate::weights::WeightsError;

/// Result of everything in this crate.
pub type Result<T, E = NnError> = std::result::Result<T, E>;

/// Why a model could not be built or run.
#[derive(Debug, thiserror::Error)]
pub enum NnError {
    /// A tensor operation failed: shapes that do not fit, a device fault.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A checkpoint does not hold what the model needs.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A `config.json` is unreadable or describes a model that is not supported.
    #[error("invalid model config: {0}")]
    Config(String),
    /// An argument does not fit the model.
    #[error("{0}")]
    Argument(String),
}
