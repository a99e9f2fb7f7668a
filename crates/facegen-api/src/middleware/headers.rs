//! What every answer says of itself.

use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::ApiError;

/// Answers are for who asked: a cache does not know that the header `key` is a
/// credential. Only a handler whose answer is the same for everybody says
/// otherwise.
pub(super) async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    mark(response.headers_mut());
    response
}

/// The answer to a request for which the server has no connection to spare.
#[must_use]
pub fn no_connection() -> Response {
    let mut response = ApiError::NoRoom.into_response();
    mark(response.headers_mut());
    response
}

fn mark(headers: &mut HeaderMap) {
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
