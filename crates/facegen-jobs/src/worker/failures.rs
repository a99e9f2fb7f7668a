//! The messages of failures that callers see: whole sentences, without internal
//! details.

use facegen_core::{BackendError, ErrorCode, FaceError};

use facegen_core::job::Failure;

/// Returns the failure of a job whose task panicked.
pub(super) fn broke_down() -> Failure {
    internal("the work on this request broke down")
}

/// Returns the failure of a job over which the engine broke or hung at each attempt.
pub(super) fn broke_down_often(times: u32) -> Failure {
    internal(&format!(
        "the work on this request broke down {times} times"
    ))
}

/// Returns the failure of images that cannot be encoded.
pub(super) fn not_encoded() -> Failure {
    internal("the images could not be encoded")
}

/// Returns the failure of a job whose inline photo is no longer stored.
pub(super) fn photo_lost() -> Failure {
    internal("the photo of this request could not be read")
}

/// Returns the failure of a photo that cannot be fetched or read.
pub(super) fn of_face(error: FaceError) -> Failure {
    Failure {
        code: error.code,
        message: error.message,
    }
}

/// Returns the failure of an engine that made no images.
pub(super) fn of_backend(error: &BackendError) -> Failure {
    let message = match error {
        BackendError::Failed(_) => "the generation failed".into(),
        BackendError::DeviceLost(_) => BackendError::Panicked.to_string(),
        // The text that the clients of the hosted service know.
        BackendError::NoFace => "No face detected in face_image".into(),
        BackendError::InvalidFace(_)
        | BackendError::OutOfMemory
        | BackendError::NotFinite
        | BackendError::Cancelled
        | BackendError::Panicked
        | BackendError::QueueFull
        | BackendError::EngineBroke
        | BackendError::EngineStopped => error.to_string(),
    };
    Failure {
        code: error.code(),
        message,
    }
}

fn internal(message: &str) -> Failure {
    Failure {
        code: ErrorCode::Internal,
        message: message.into(),
    }
}
