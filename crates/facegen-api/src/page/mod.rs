//! The page that people see who open the server in a browser: it asks for
//! images as any client would, and shows how to do the same with curl.
//!
//! It is compiled in and loads nothing from elsewhere.

use axum::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::openapi::errors::OpenErrors;

const HTML: &str = include_str!("index.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Nothing but the page's own files runs, and images may be in a bucket.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src * data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whether the caller is a browser that shows pages.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// The page itself.
pub(crate) fn html() -> Response {
    let mut response = file("text/html; charset=utf-8", HTML);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    response
}

/// How the page at `/` looks
#[utoipa::path(
    get,
    path = "",
    tag = "operations",
    responses((status = 200, body = String, content_type = "text/css", description = "The file"), OpenErrors),
    security(()),
)]
pub(crate) async fn style() -> Response {
    file("text/css; charset=utf-8", STYLE)
}

/// What the page at `/` does
#[utoipa::path(
    get,
    path = "",
    tag = "operations",
    responses((status = 200, body = String, content_type = "text/javascript", description = "The file"), OpenErrors),
    security(()),
)]
pub(crate) async fn script() -> Response {
    file("text/javascript; charset=utf-8", SCRIPT)
}

/// A file of the page.
fn file(content_type: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, content_type)], text).into_response()
}
