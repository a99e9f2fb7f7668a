//! The few kinds of failure that a caller can tell apart.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// What kind of failure happened.
///
/// Every error of ours states its code; the server turns a code into an HTTP
/// status in one place, the command line into an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ErrorCode {
    /// A value of the request is missing or out of range.
    InvalidRequest,
    /// The face image cannot be fetched, read or used.
    InvalidFaceImage,
    /// The face image shows no face.
    NoFace,
    /// The API key is missing or wrong.
    Unauthorized,
    /// The API key is right, and not enough for this.
    Forbidden,
    /// There is no such thing, or it belongs to another key.
    NotFound,
    /// It contradicts what is there already.
    Conflict,
    /// Too much is waiting already; the same request may succeed later.
    QueueFull,
    /// The key asks too often; the same request may succeed later.
    RateLimited,
    /// The server is starting, restarting or stopping.
    Unavailable,
    /// The model ran and gave no usable image.
    GenerationFailed,
    /// The device has too little memory for this request.
    OutOfMemory,
    /// Somebody asked for the work to stop.
    Cancelled,
    /// A defect of ours.
    Internal,
}

impl ErrorCode {
    /// The code as it is written in answers, logs and rows.
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
