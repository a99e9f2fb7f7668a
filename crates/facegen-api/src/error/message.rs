//! The messages for callers, as documented where the documentation has one.
//! They expose nothing of the server's internals.

use std::borrow::Cow;
use std::time::Duration;

use facegen_core::ErrorCode;
use facegen_jobs::JobError;

use super::ApiError;

/// The message while the store is unavailable.
const UNAVAILABLE: &str = "Temporarily unavailable, try again later";

/// The message of a node that has no engine.
const NO_ENGINE: &str =
    "This server has no engine and finds no faces: requests for images find them";

impl ApiError {
    /// Returns the message for the caller.
    #[must_use]
    pub fn message(&self) -> Cow<'static, str> {
        let text = match self {
            Self::InvalidBody { .. } => "Invalid API Request",
            Self::BodyTooLarge { limit } => {
                return format!("The request body is larger than {}", size_text(*limit)).into();
            }
            Self::BodyTooSlow => "The request body did not arrive in time",
            Self::BodyBroken => "The request body broke off",
            Self::Fields(error) => return error.to_string().into(),
            Self::InvalidHost => "The Host header is missing or invalid",
            Self::NoKey | Self::Unauthorized => "Invalid API key",
            Self::SpentToken => {
                "The link was used already, or has expired: start facegen run again"
            }
            Self::Forbidden => "This needs an admin key",
            Self::UpdateRefused => {
                "The new configuration cannot be used, nothing was changed; the log says why"
            }
            Self::UnknownPath => "Path not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::UnknownJob => "Request not found",
            Self::Expired { keep } => return expired_message(*keep).into(),
            Self::Erased => "Request was deleted",
            Self::UnknownDelivery => "Delivery not found",
            Self::DeliveryBusy => "The delivery is still under way",
            Self::TooManyStreams => "Too many event streams are open, try again later",
            Self::UnknownFile => "File not found",
            Self::RangeNotSatisfiable { length } => {
                return format!("The range is outside of the file of {length} bytes").into();
            }
            Self::Jobs(error) => return job_error_message(error),
            Self::NoRoom | Self::TooSlow => "Temporarily unavailable, try again later",
            Self::Panicked | Self::Serialisation(_) => "Internal Server Error",
        };
        text.into()
    }
}

/// Returns the documented message, with the hours of this server.
fn expired_message(keep: Duration) -> String {
    match keep.as_secs().div_ceil(3_600) {
        1 => String::from("images deleted after 1 hour"),
        hours => format!("images deleted after {hours} hours"),
    }
}

/// Returns the documented message for an error of the job service.
fn job_error_message(error: &JobError) -> Cow<'static, str> {
    match error {
        JobError::QueueFull { limit, .. } => {
            format!("Rate limit exceeded. Maximum {limit} queued requests allowed.").into()
        }
        JobError::TooManyRequests { limit, .. } => {
            format!("Rate limit exceeded. Maximum {limit} requests per minute allowed.").into()
        }
        JobError::UploadsFull { limit, .. } => {
            let megabytes = limit / 1_000_000;
            format!("Rate limit exceeded. Maximum {megabytes} MB of uploaded images allowed.")
                .into()
        }
        JobError::IdempotencyKeyTaken => {
            "Idempotency-Key was used for another request in the last 24 hours".into()
        }
        JobError::Face(error) => error.message.clone().into(),
        JobError::Bucket(fault) => fault.field_error().message.into(),
        JobError::TooManyReaders | JobError::TooManySearches => UNAVAILABLE.into(),
        JobError::NoEngineHere => NO_ENGINE.into(),
        JobError::Draining => "The server is stopping, try again later".into(),
        JobError::NotStored(_) => UNAVAILABLE.into(),
        JobError::Store(error) if error.code() == ErrorCode::Unavailable => UNAVAILABLE.into(),
        JobError::Store(_)
        | JobError::BrokeDown(_)
        | JobError::Images(_)
        | JobError::Secrets(_) => "Internal Server Error".into(),
    }
}

/// Formats a size in MB when it is a whole number of them, else in bytes.
fn size_text(bytes: usize) -> String {
    if bytes >= 1_000_000 && bytes.is_multiple_of(1_000_000) {
        format!("{} MB", bytes / 1_000_000)
    } else {
        format!("{bytes} bytes")
    }
}
