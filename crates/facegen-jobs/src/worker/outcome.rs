//! The outcome of an attempt.

/// The outcome of an attempt, as far as the worker needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptOutcome {
    /// With images.
    Succeeded,
    /// The job was requeued because the engine refused it.
    EngineStopped,
    /// The job was requeued because a store refused it.
    StoreFailed,
    /// In any other way.
    Otherwise,
}
