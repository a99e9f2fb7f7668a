//! What comes of an attempt.

/// How an attempt is over, as far as the worker has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptOutcome {
    /// With images.
    Succeeded,
    /// The job went back because the engine refused it.
    EngineStopped,
    /// The job went back because a store refused it.
    StoreFailed,
    /// In any other way.
    Otherwise,
}
