//! Why an attempt made no images.

use facegen_core::job::Failure;
use facegen_core::{BackendError, FaceError};

use super::failures;

/// Why an attempt made no images.
pub(super) enum AttemptError {
    /// The job has failed.
    Failed(Failure),
    /// The job must wait for another engine.
    EngineStopped,
    /// The engine hangs or broke for good, maybe because of this job. That
    /// counts against it: the job is requeued if other engines go on. Else
    /// nothing is written, as after a crash, and the next process requeues it.
    EngineLost,
    /// The job must wait for a store that works.
    StoreFailed,
    /// The process is stopping.
    HandBack,
    /// The job no longer belongs to this attempt: it was cancelled or requeued.
    Lost,
}

/// Converts the error of a photo that cannot be used.
pub(super) fn of_face(error: FaceError) -> AttemptError {
    AttemptError::Failed(failures::of_face(error))
}

/// Returns what an engine's error means for the job.
pub(super) fn of_backend(error: &BackendError) -> AttemptError {
    match error {
        // The job was not cancelled, so it waits for an engine that works.
        BackendError::EngineStopped | BackendError::QueueFull | BackendError::Cancelled => {
            AttemptError::EngineStopped
        }
        BackendError::EngineBroke => AttemptError::EngineLost,
        BackendError::NoFace
        | BackendError::InvalidFace(_)
        | BackendError::OutOfMemory
        | BackendError::NotFinite
        | BackendError::DeviceLost(_)
        | BackendError::Panicked => AttemptError::Failed(failures::of_backend(error)),
        BackendError::Failed(detail) => {
            tracing::warn!(detail, "engine failed");
            AttemptError::Failed(failures::of_backend(error))
        }
    }
}
