//! What can go wrong with a request, and the envelope in which callers see it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::header::{CONNECTION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use facegen_core::{ErrorCode, FieldError, RequestError};
use facegen_jobs::JobError;
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use crate::openapi::words;
use crate::response::Json;
use crate::status::status_of;

/// When to come back to a server that starts, restarts or stops.
const UNAVAILABLE_FOR: Duration = Duration::from_secs(10);

/// What callers are told about a body that cannot be read.
const INVALID_BODY_TIP: &str = "1. Make sure you are passing Content-Type: application/json in \
     header. 2. Make sure you are doing POST request with valid JSON. 3. Make sure that your JSON \
     is an object with the documented fields.";

/// Why a request is not answered as its caller hoped. `Display` is for logs;
/// callers get [`ApiError::message`].
#[derive(Debug, Error)]
pub enum ApiError {
    /// The body is neither a JSON object nor a form.
    #[error("the body is neither a json object nor a form")]
    InvalidBody,
    /// The body is too large.
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The largest body, in bytes.
        limit: usize,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    /// Other bodies hold all the memory there is for them.
    #[error("there is no room for the body")]
    NoRoom,
    /// The connection broke within the body.
    #[error("the body broke off")]
    BodyBroken,
    /// Fields are missing or cannot be used.
    #[error(transparent)]
    Fields(#[from] RequestError),
    /// No link can be built, because the request names no host.
    #[error("the host header is missing or holds no host")]
    InvalidHost,
    /// The key is missing, unknown or revoked.
    #[error("the key is missing, unknown or revoked")]
    Unauthorized,
    /// The key is known and may not do this.
    #[error("this needs an admin key")]
    Forbidden,
    /// The server does not go over to what its files say now; why is in the
    /// log.
    #[error("the config or the preset cannot be used, nothing has changed")]
    UpdateRefused,
    /// Nothing is served under this path.
    #[error("there is no such path")]
    UnknownPath,
    /// The path is not for this method.
    #[error("the path is not for this method")]
    MethodNotAllowed,
    /// There is no such job, or it belongs to another key.
    #[error("there is no such job")]
    UnknownJob,
    /// The job succeeded, and its pictures are gone.
    #[error("the pictures of the job have expired")]
    Expired {
        /// How long pictures are kept.
        keep: Duration,
    },
    /// The owner of the job had it erased.
    #[error("the job was erased")]
    Erased,
    /// There is no such delivery, or it belongs to another key.
    #[error("there is no such delivery")]
    UnknownDelivery,
    /// The delivery has not ended yet.
    #[error("the delivery has not ended")]
    DeliveryBusy,
    /// As many streams are open as may be.
    #[error("too many streams of events are open")]
    TooManyStreams,
    /// There is no such file, or it is gone.
    #[error("there is no such file")]
    UnknownFile,
    /// The job service refuses.
    #[error(transparent)]
    Jobs(#[from] JobError),
    /// The answer took longer than any should.
    #[error("the answer took too long")]
    TooSlow,
    /// A handler panicked.
    #[error("a handler panicked")]
    Panicked,
    /// An answer could not be written down, and why.
    #[error("the answer cannot be serialised: {0}")]
    Serialisation(#[from] serde_json::Error),
}

impl ApiError {
    /// The kind of failure.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidBody
            | Self::BodyTooLarge { .. }
            | Self::BodyTooSlow
            | Self::BodyBroken
            | Self::Fields(_)
            | Self::InvalidHost
            | Self::MethodNotAllowed => ErrorCode::InvalidRequest,
            Self::Unauthorized => ErrorCode::Unauthorized,
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

    /// The status of the answer: that of the code, unless HTTP has one for just
    /// this.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        if matches!(self, Self::BodyTooLarge { .. }) {
            StatusCode::PAYLOAD_TOO_LARGE
        } else if matches!(self, Self::BodyTooSlow) {
            StatusCode::REQUEST_TIMEOUT
        } else if matches!(self, Self::MethodNotAllowed) {
            StatusCode::METHOD_NOT_ALLOWED
        } else {
            status_of(self.code())
        }
    }

    /// The sentence for the caller, in the words of the documentation where it
    /// has some. Nothing of the inside of the server is in it.
    #[must_use]
    pub fn message(&self) -> Cow<'static, str> {
        let text = match self {
            Self::InvalidBody => "Invalid API Request",
            Self::BodyTooLarge { limit } => {
                return format!("The request body is larger than {}", size_text(*limit)).into();
            }
            Self::BodyTooSlow => "The request body did not arrive in time",
            Self::BodyBroken => "The request body broke off",
            Self::Fields(error) => return error.to_string().into(),
            Self::InvalidHost => "The Host header is missing or invalid",
            Self::Unauthorized => "Invalid API key",
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
            Self::Jobs(error) => return job_error_message(error),
            Self::NoRoom | Self::TooSlow => "Temporarily unavailable, try again later",
            Self::Panicked | Self::Serialisation(_) => "Internal Server Error",
        };
        text.into()
    }

    /// When the same request may succeed, for failures that pass.
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
        passes.then_some(UNAVAILABLE_FOR)
    }

    /// What is wrong with each field, when that is what is wrong.
    fn field_errors(&self) -> BTreeMap<&'static str, Vec<String>> {
        let mut fields: BTreeMap<_, Vec<_>> = BTreeMap::new();
        if let Self::Fields(RequestError { errors }) = self {
            for FieldError { field, message } in errors {
                fields.entry(*field).or_default().push(message.clone());
            }
        } else if let Self::Jobs(JobError::Bucket(fault)) = self {
            let FieldError { field, message } = fault.field_error();
            fields.insert(field, vec![message]);
        } else if let Self::Jobs(JobError::Face(error)) = self {
            fields.insert("face_image", vec![error.message.clone()]);
        }
        fields
    }

    /// What callers get.
    pub(crate) fn body(&self) -> ErrorBody {
        ErrorBody {
            status: "error",
            message: self.message(),
            tip: matches!(self, Self::InvalidBody).then_some(INVALID_BODY_TIP),
            retry_after: self.retry_after().map(whole_seconds),
            errors: self.field_errors(),
        }
    }

    /// Whether bytes of the request may still be on their way, so that the
    /// connection is of no more use.
    fn leaves_body_unread(&self) -> bool {
        matches!(
            self,
            Self::BodyTooLarge { .. } | Self::BodyTooSlow | Self::BodyBroken | Self::NoRoom
        )
    }
}

/// The sentence of the documentation, with the hours of this server.
fn expired_message(keep: Duration) -> String {
    match keep.as_secs().div_ceil(3_600) {
        1 => String::from("images deleted after 1 hour"),
        hours => format!("images deleted after {hours} hours"),
    }
}

/// What the job service's refusals are called in the documentation.
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
        JobError::Draining => "The server is stopping, try again later".into(),
        JobError::Store(error) if error.code() == ErrorCode::Unavailable => {
            "Temporarily unavailable, try again later".into()
        }
        JobError::Store(_)
        | JobError::BrokeDown(_)
        | JobError::Images(_)
        | JobError::Secrets(_) => "Internal Server Error".into(),
    }
}

/// What the log line of a refused request says; kept in the extensions of the
/// response.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: ErrorCode,
    pub(crate) detail: String,
}

/// The envelope of every error.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorBody {
    #[schema(schema_with = words::error)]
    status: &'static str,
    /// What is wrong, in words for people.
    message: Cow<'static, str>,
    /// What to do about a body that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tip: Option<&'static str>,
    /// When to try again, in seconds; as the header `retry-after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    retry_after: Option<u64>,
    /// What is wrong with each field, when that is what is wrong.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    errors: BTreeMap<&'static str, Vec<String>>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = self.body();
        let retry_after = body.retry_after;
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.leaves_body_unread() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(Problem {
            code: self.code(),
            detail: self.to_string(),
        });
        response
    }
}

/// The size in MB when it is that of a whole number of them, else in bytes.
fn size_text(bytes: usize) -> String {
    if bytes >= 1_000_000 && bytes.is_multiple_of(1_000_000) {
        format!("{} MB", bytes / 1_000_000)
    } else {
        format!("{bytes} bytes")
    }
}

/// The duration in seconds, rounded up, at least 1.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    seconds.max(1)
}

#[cfg(test)]
mod tests {
    use facegen_jobs::StoreError;

    use super::*;

    #[test]
    fn what_went_wrong_inside_is_told_to_the_log_alone() {
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
    fn failures_that_pass_say_when() {
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
    fn pictures_that_have_expired_say_after_how_many_hours() {
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
