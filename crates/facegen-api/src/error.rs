//! The errors of requests.

mod envelope;
mod gone;
mod message;

use std::time::Duration;

use axum::http::StatusCode;
use facegen_core::{ErrorCode, RequestError};
use facegen_jobs::JobError;
use thiserror::Error;

pub(crate) use self::envelope::{ErrorBody, Problem, whole_seconds};
use crate::body::Received;
use crate::status::status_of;

/// When clients should retry while the server starts, restarts or stops.
const UNAVAILABLE_FOR: Duration = Duration::from_secs(10);

/// Why a request was refused or failed. `Display` is for logs; callers get
/// [`ApiError::message`].
#[derive(Debug, Error)]
pub enum ApiError {
    /// The body is neither a JSON object nor a form.
    #[error("the body is neither a json object nor a form; received: {}", received.as_str())]
    InvalidBody {
        /// What was sent instead.
        received: Received,
    },
    /// The body is too large.
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The largest body, in bytes.
        limit: usize,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    /// No memory can be reserved for the body.
    #[error("there is no room for the body")]
    NoRoom,
    /// The connection broke while the body was sent.
    #[error("the body broke off")]
    BodyBroken,
    /// Fields are missing or cannot be used.
    #[error(transparent)]
    Fields(#[from] RequestError),
    /// No link can be built, because the request names no host.
    #[error("the host header is missing or holds no host")]
    InvalidHost,
    /// No key was sent.
    #[error("no key was sent")]
    NoKey,
    /// The key is unknown or revoked.
    #[error("the key is unknown or revoked")]
    Unauthorized,
    /// The token of a link to the page is wrong, used or expired.
    #[error("the token of the link is wrong, used or expired")]
    SpentToken,
    /// The key is valid but lacks the role.
    #[error("this needs an admin key")]
    Forbidden,
    /// The new config or preset is not valid; the log has the reason.
    #[error("the config or the preset cannot be used, nothing has changed")]
    UpdateRefused,
    /// No route has this path.
    #[error("there is no such path")]
    UnknownPath,
    /// The route does not allow this method.
    #[error("the path is not for this method")]
    MethodNotAllowed,
    /// The job does not exist or belongs to another key.
    #[error("there is no such job")]
    UnknownJob,
    /// The job succeeded, and its images have expired.
    #[error("the images of the job have expired")]
    Expired {
        /// How long images are kept.
        keep: Duration,
    },
    /// The owner of the job had it erased.
    #[error("the job was erased")]
    Erased,
    /// The delivery does not exist or belongs to another key.
    #[error("there is no such delivery")]
    UnknownDelivery,
    /// The delivery has not ended yet.
    #[error("the delivery has not ended")]
    DeliveryBusy,
    /// The limit of open event streams is reached.
    #[error("too many streams of events are open")]
    TooManyStreams,
    /// The file does not exist or has expired.
    #[error("there is no such file")]
    UnknownFile,
    /// The file has none of the requested bytes.
    #[error("the range is outside of the file of {length} bytes")]
    RangeNotSatisfiable {
        /// The length of the file.
        length: u64,
    },
    /// The job service refused.
    #[error(transparent)]
    Jobs(#[from] JobError),
    /// The response took too long.
    #[error("the answer took too long")]
    TooSlow,
    /// A handler panicked.
    #[error("a handler panicked")]
    Panicked,
    /// The response could not be serialised.
    #[error("the answer cannot be serialised: {0}")]
    Serialisation(#[from] serde_json::Error),
}

impl ApiError {
    /// Returns the kind of failure.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidBody { .. }
            | Self::BodyTooLarge { .. }
            | Self::BodyTooSlow
            | Self::BodyBroken
            | Self::Fields(_)
            | Self::InvalidHost
            | Self::RangeNotSatisfiable { .. }
            | Self::MethodNotAllowed => ErrorCode::InvalidRequest,
            Self::NoKey | Self::Unauthorized | Self::SpentToken => ErrorCode::Unauthorized,
            Self::Forbidden => ErrorCode::Forbidden,
            Self::UnknownPath
            | Self::UnknownJob
            | Self::Expired { .. }
            | Self::Erased
            | Self::UnknownDelivery
            | Self::UnknownFile => ErrorCode::NotFound,
            Self::Jobs(error) => error.code(),
            Self::DeliveryBusy => ErrorCode::Conflict,
            Self::TooManyStreams => ErrorCode::QueueFull,
            Self::NoRoom | Self::TooSlow => ErrorCode::Unavailable,
            Self::UpdateRefused | Self::Panicked | Self::Serialisation(_) => ErrorCode::Internal,
        }
    }

    /// Returns the status of the response: that of the code, unless HTTP has a
    /// more specific one.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        if matches!(self, Self::BodyTooLarge { .. }) {
            StatusCode::PAYLOAD_TOO_LARGE
        } else if matches!(self, Self::BodyTooSlow) {
            StatusCode::REQUEST_TIMEOUT
        } else if matches!(self, Self::MethodNotAllowed) {
            StatusCode::METHOD_NOT_ALLOWED
        } else if matches!(self, Self::RangeNotSatisfiable { .. }) {
            StatusCode::RANGE_NOT_SATISFIABLE
        } else if matches!(self, Self::Jobs(JobError::NoEngineHere)) {
            StatusCode::NOT_IMPLEMENTED
        } else {
            status_of(self.code())
        }
    }

    /// Returns when the same request can succeed, for temporary failures.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        if let Self::Jobs(
            JobError::QueueFull { retry_after, .. }
            | JobError::TooManyRequests { retry_after, .. }
            | JobError::UploadsFull { retry_after, .. },
        ) = self
        {
            return Some(*retry_after);
        }
        let passes = self.code() == ErrorCode::Unavailable || matches!(self, Self::TooManyStreams);
        let stays = matches!(self, Self::Jobs(JobError::NoEngineHere));
        (passes && !stays).then_some(UNAVAILABLE_FOR)
    }

    /// Returns whether a part of the request may still be unread, so that the
    /// connection cannot be reused.
    fn leaves_body_unread(&self) -> bool {
        matches!(
            self,
            Self::BodyTooLarge { .. } | Self::BodyTooSlow | Self::BodyBroken | Self::NoRoom
        )
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::RETRY_AFTER;
    use axum::response::IntoResponse;
    use facegen_core::store::StoreError;

    use super::*;

    #[test]
    fn internal_errors_are_logged_and_not_shown() {
        let error = ApiError::from(JobError::from(StoreError::File {
            path: "/dev/sda".into(),
            source: std::io::ErrorKind::StorageFull.into(),
        }));
        assert!(error.to_string().contains("/dev/sda"));
        assert!(!error.message().contains("/dev/sda"));
        let response = error.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let problem = response.extensions().get::<Problem>().unwrap();
        assert_eq!(problem.code, ErrorCode::Unavailable);
        assert!(problem.detail.contains("/dev/sda"));
    }

    #[test]
    fn temporary_failures_say_when_to_retry() {
        let full = ApiError::from(JobError::QueueFull {
            limit: 5,
            retry_after: Duration::from_millis(1_001),
        });
        assert_eq!(
            full.message(),
            "Rate limit exceeded. Maximum 5 queued requests allowed."
        );
        let response = full.into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        let draining = ApiError::from(JobError::Draining).into_response();
        assert_eq!(draining.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(draining.headers()[RETRY_AFTER], "10");
        let unknown = ApiError::UnknownJob.into_response();
        assert!(!unknown.headers().contains_key(RETRY_AFTER));
    }

    #[test]
    fn images_that_have_expired_say_after_how_many_hours() {
        for (seconds, text) in [
            (86_400, "images deleted after 24 hours"),
            (3_600, "images deleted after 1 hour"),
            (3_601, "images deleted after 2 hours"),
        ] {
            let keep = Duration::from_secs(seconds);
            assert_eq!(ApiError::Expired { keep }.message(), text);
        }
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (5_000, 5)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }
}
