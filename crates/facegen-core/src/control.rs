//! The port to whoever runs the server.

use std::fmt;

/// What callers with an admin key can tell the server to do. Jobs are kept,
/// whatever it is.
pub trait Control: fmt::Debug + Send + Sync {
    /// Loads the models anew. Does not wait for that; told again before it is
    /// done, it is done once.
    fn restart(&self);

    /// Reads the config and the manifest of the preset anew, and goes over to
    /// what they say. Reads files, but does not wait for the loading of models.
    ///
    /// # Errors
    /// They cannot be used. Nothing has changed, and the log says why.
    fn update(&self) -> Result<(), UpdateRefused>;

    /// How many networks are loaded.
    fn model_count(&self) -> usize;
}

/// The server stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateRefused;
