//! What callers are told of a failure: whole sentences, and no details that
//! are ours alone.

use facegen_core::{BackendError, ErrorCode, FaceError};

use facegen_core::job::Failure;

/// The task of the job panicked.
pub(super) fn broke_down() -> Failure {
    internal("the work on this request broke down")
}

/// The engine broke over the job or hung, each time it had it.
pub(super) fn broke_down_often(times: u32) -> Failure {
    internal(&format!(
        "the work on this request broke down {times} times"
    ))
}

/// The images are there, but no files of them.
pub(super) fn not_encoded() -> Failure {
    internal("the images could not be encoded")
}

/// The photo that came with the request is not there any more.
pub(super) fn photo_lost() -> Failure {
    internal("the photo of this request could not be read")
}

/// The photo cannot be had or read.
pub(super) fn of_face(error: FaceError) -> Failure {
    Failure {
        code: error.code,
        message: error.message,
    }
}

/// The engine made no images.
pub(super) fn of_backend(error: &BackendError) -> Failure {
    let message = match error {
        BackendError::Failed(_) => "the generation failed".into(),
        BackendError::DeviceLost(_) => BackendError::Panicked.to_string(),
        // As the clients of the hosted service know it.
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
