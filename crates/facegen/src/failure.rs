//! Why a command failed, and its exit code.

use std::fmt;
use std::process::ExitCode;

use facegen_core::{BackendError, ErrorCode, RequestError};
use facegen_image::InputImageError;

/// The meaning of [`Failure`]'s exit codes, for `--help`.
pub(crate) const EXIT_CODES: &str = "\
Example:
  facegen generate --face photos/ --prompt \"a portrait\" --out images/portrait.png

Exit codes, of several photos that of the first without an image:
  0  the images are written
  1  anything that has no code of its own
  2  a value was refused, or a file exists that would be overwritten
  3  the face image cannot be read or used
  4  the face image shows no face
  5  the preset or its models cannot be loaded";

/// Why a command failed.
///
/// `Display` formats lines for people, each starting with `error: `.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Values of the request were refused.
    Refused(RequestError),
    /// An option of the command line was refused.
    Usage(anyhow::Error),
    /// The face image cannot be read or used.
    FaceImage(anyhow::Error),
    /// The face image shows no face.
    NoFace(BackendError),
    /// The preset or its models cannot be loaded.
    Load(anyhow::Error),
    /// An engine of the server hangs; the process needs a restart.
    EngineHangs,
    /// Some of several requests made no image, which was said of each.
    Some {
        failed: usize,
        of: usize,
        first: Box<Failure>,
    },
    /// Any other error.
    Other(anyhow::Error),
}

impl Failure {
    /// Returns the exit code, as documented in [`EXIT_CODES`].
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Some { first, .. } => return first.exit_code(),
            Self::Other(_) => 1,
            Self::Refused(_) | Self::Usage(_) => 2,
            Self::FaceImage(_) => 3,
            Self::NoFace(_) => 4,
            Self::Load(_) => 5,
            Self::EngineHangs => 6,
        })
    }
}

impl Failure {
    /// Returns what is wrong with a photo, where another could have an image.
    pub(crate) fn reason_in_photo(&self) -> Option<String> {
        if let Self::NoFace(error) = self {
            return Some(error.to_string());
        }
        if let Self::FaceImage(error) = self {
            return Some(with_causes(error));
        }
        None
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::Refused(error)
    }
}

impl From<InputImageError> for Failure {
    fn from(error: InputImageError) -> Self {
        Self::FaceImage(error.into())
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        match error.code() {
            ErrorCode::NoFace => Self::NoFace(error),
            ErrorCode::InvalidFaceImage => Self::FaceImage(error.into()),
            ErrorCode::InvalidRequest
            | ErrorCode::Unauthorized
            | ErrorCode::Forbidden
            | ErrorCode::NotFound
            | ErrorCode::Conflict
            | ErrorCode::QueueFull
            | ErrorCode::RateLimited
            | ErrorCode::Unavailable
            | ErrorCode::GenerationFailed
            | ErrorCode::OutOfMemory
            | ErrorCode::Cancelled
            | ErrorCode::Internal => Self::Other(error.into()),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// Formats an error with its causes, each once: some messages include those of
/// their causes.
pub(crate) fn with_causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused
                .errors
                .iter()
                .try_for_each(|error| writeln!(formatter, "error: {error}")),
            Self::NoFace(error) => writeln!(formatter, "error: {error}"),
            Self::Some { failed, of, .. } => {
                writeln!(formatter, "error: {failed} of {of} requests made no image")
            }
            Self::EngineHangs => writeln!(formatter, "error: the engine hangs"),
            Self::Usage(error)
            | Self::FaceImage(error)
            | Self::Load(error)
            | Self::Other(error) => {
                writeln!(formatter, "error: {}", with_causes(error))
            }
        }
    }
}
