//! What comes of an attempt.

use std::time::Duration;

use facegen_core::{EngineName, SafetyVerdict};

use facegen_core::job::Stages;
use facegen_core::store::PictureLocation;

/// What an attempt made.
pub(super) struct Made {
    /// When the engine began with it, by the monotonic clock.
    pub(super) began: Duration,
    /// Where the pictures are.
    pub(super) place: PictureLocation,
    /// About the photograph and the pictures.
    pub(super) warnings: Vec<String>,
    /// How long each stage took.
    pub(super) stages: Stages,
    /// What the safety checker says.
    pub(super) verdicts: Vec<SafetyVerdict>,
    /// Which engine made it.
    pub(super) engine: EngineName,
}

/// How an attempt is over, as far as the worker has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// With pictures.
    Succeeded,
    /// The job went back because the engine refused it.
    EngineStopped,
    /// The job went back because a store refused it.
    StoreFailed,
    /// In any other way.
    Otherwise,
}
