//! Why there is no engine.

use std::{error, io};

use thiserror::Error;

/// Why a backend could not be loaded, as its loader reports it.
pub type LoadError = Box<dyn error::Error + Send + Sync>;

/// Why there is no engine.
#[derive(Debug, Error)]
pub enum EngineStartError {
    /// The operating system gives no thread.
    #[error("cannot start the engine thread")]
    Thread(#[source] io::Error),
    /// The backend cannot be loaded.
    #[error("cannot load the engine")]
    Load(#[source] LoadError),
}
