//! The body of error responses.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, CONTENT_RANGE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use facegen_core::{ErrorCode, FieldError, RequestError};
use facegen_jobs::JobError;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiError;
use crate::openapi::words;
use crate::response::Json;

/// The tip for a body that cannot be parsed.
const INVALID_BODY_TIP: &str = "1. Make sure you are passing Content-Type: application/json in \
     header. 2. Make sure you are doing POST request with valid JSON. 3. Make sure that your JSON \
     is an object with the documented fields.";

/// The tip for callers who send no key.
const NO_KEY_TIP: &str = "No key was sent. It stands in the body as a string named key, or in the \
     header key, or in the header Authorization as Bearer KEY.";

impl ApiError {
    /// Returns what the caller can do, where the message does not say it.
    fn tip(&self) -> Option<Cow<'static, str>> {
        if let Self::InvalidBody { received } = self {
            let received = received.as_str();
            return Some(format!("{INVALID_BODY_TIP} Received: {received}.").into());
        }
        matches!(self, Self::NoKey).then_some(NO_KEY_TIP.into())
    }

    /// Returns the errors of single fields, if there are any.
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

    /// Returns the length of the file of which a range was requested.
    fn content_range(&self) -> Option<HeaderValue> {
        if let Self::RangeNotSatisfiable { length } = self {
            return HeaderValue::try_from(format!("bytes */{length}")).ok();
        }
        None
    }

    /// Returns the body of the response.
    pub(crate) fn body(&self) -> ErrorBody {
        ErrorBody {
            status: "error",
            message: self.message(),
            tip: self.tip(),
            retry_after: self.retry_after().map(whole_seconds),
            errors: self.field_errors(),
        }
    }
}

/// The details of an error for the log; kept in the response's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: ErrorCode,
    pub(crate) detail: String,
}

/// The body of every error response.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorBody {
    #[schema(schema_with = words::error)]
    status: &'static str,
    /// What is wrong, in words for people.
    message: Cow<'static, str>,
    /// How to correct a body that cannot be parsed or a missing key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tip: Option<Cow<'static, str>>,
    /// When to retry, in seconds; the same as the header `retry-after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    retry_after: Option<u64>,
    /// The errors of single fields, if there are any.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    errors: BTreeMap<&'static str, Vec<String>>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = self.body();
        let retry_after = body.retry_after;
        let content_range = self.content_range();
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(range) = content_range {
            headers.insert(CONTENT_RANGE, range);
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

/// Returns the duration in seconds, rounded up, at least 1.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    seconds.max(1)
}
