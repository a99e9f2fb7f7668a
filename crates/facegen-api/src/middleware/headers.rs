//! Security headers of every response.

use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::ApiError;

/// Forbids caching: a cache does not know that the header `key` is a
/// credential. Only handlers whose response is public override this.
pub(super) async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    mark(response.headers_mut());
    response
}

/// Returns the response for a request beyond the limit of connections.
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
