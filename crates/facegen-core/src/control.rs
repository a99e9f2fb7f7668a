//! The port that restarts and updates the server.

use std::fmt;

/// Operations that callers with an admin key can ask for. All of them keep the
/// jobs.
pub trait Control: fmt::Debug + Send + Sync {
    /// Reloads the models. Does not wait for that; a second call before it is
    /// done has no effect.
    fn restart(&self);

    /// Reloads the config and the manifest of the preset, and applies them.
    /// Reads files, but does not wait for the loading of models.
    ///
    /// # Errors
    /// Fails when they cannot be used. Nothing has changed then, and the reason
    /// is logged.
    fn update(&self) -> Result<(), UpdateRefused>;

    /// Returns the number of loaded networks.
    fn model_count(&self) -> usize;
}

/// The update was refused and the server is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateRefused;
