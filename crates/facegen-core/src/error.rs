//! The kinds of failure that a caller can distinguish.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// The kind of a failure.
///
/// Every error of this project has a code; the server maps it to an HTTP status
/// in one place, the command line to an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ErrorCode {
    /// A value of the request is missing or out of range.
    InvalidRequest,
    /// The photo cannot be fetched, read or used.
    InvalidFaceImage,
    /// The photo shows no face.
    NoFace,
    /// The API key is missing or wrong.
    Unauthorized,
    /// The API key is valid but does not permit this.
    Forbidden,
    /// The object does not exist, or belongs to another key.
    NotFound,
    /// The request conflicts with existing state.
    Conflict,
    /// The queue is full; the same request may succeed later.
    QueueFull,
    /// The key has reached its rate limit; the same request may succeed later.
    RateLimited,
    /// The server is starting, restarting or stopping.
    Unavailable,
    /// The model ran and produced no usable image.
    GenerationFailed,
    /// The device has too little memory for this request.
    OutOfMemory,
    /// The request was cancelled.
    Cancelled,
    /// A defect of the server.
    Internal,
}

impl ErrorCode {
    /// Returns the code as written in answers, logs and rows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_the_same_way_everywhere() {
        for code in [
            ErrorCode::InvalidFaceImage,
            ErrorCode::NoFace,
            ErrorCode::QueueFull,
        ] {
            let written = serde_json::to_value(code).unwrap();
            assert_eq!(written, code.to_string());
        }
    }
}
