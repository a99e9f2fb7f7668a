//! CORS: pages of the origins that the operator lists may call the API.
//!
//! Keys are sent in headers and bodies, never in cookies, so credentials are
//! never allowed. This is no layer of tower-http, which would answer every
//! `OPTIONS` with 200 and could not refuse a preflight request.

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::call::RouterState;

/// The base paths of the API. The page, files and the routes for operators are
/// below none of them.
const API: [&str; 2] = ["/api/", "/v1/"];

/// The calls that need an admin key, which no page should hold.
const ADMIN_CALLS: [&str; 3] = ["restart_server", "update_server", "update"];

/// What a page may send.
const METHODS: &str = "GET, HEAD, POST, DELETE";
const REQUEST_HEADERS: &str =
    "authorization, content-type, idempotency-key, key, last-event-id, prefer, x-request-id";

/// What a page may read, beyond what browsers always show.
const RESPONSE_HEADERS: &str = "retry-after, x-request-id";

/// How many seconds a browser remembers the answer to a preflight request: an
/// origin that is removed from the list loses access after them at the latest.
const REMEMBERED_FOR: &str = "600";

/// Answers preflight requests of the listed origins, and lets their pages read
/// the responses.
pub(super) async fn share(
    State(state): State<RouterState>,
    request: Request,
    next: Next,
) -> Response {
    let settings = state.api.settings.get();
    let origins = &settings.config.allow_origins;
    if origins.is_empty() || !is_shared(&request) {
        return next.run(request).await;
    }
    let sent = request.headers().get(ORIGIN);
    let origin = sent.filter(|sent| origins.iter().any(|origin| *sent == origin));
    let origin = origin.cloned();
    let mut response = if origin.is_some() && is_preflight(&request) {
        preflight_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let readable = HeaderValue::from_static(RESPONSE_HEADERS);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, readable);
    }
    response
}

fn is_shared(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>();
    route.is_some_and(|route| is_for_pages(route.as_str()))
}

/// Returns whether pages of other origins may call the route.
fn is_for_pages(route: &str) -> bool {
    let name = route.rsplit('/').next().unwrap_or_default();
    API.iter().any(|base| route.starts_with(base)) && !ADMIN_CALLS.contains(&name)
}

fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight_response() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (ACCESS_CONTROL_MAX_AGE, REMEMBERED_FOR),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::openapi::openapi;

    /// Returns whether an operation of the path is described as one that needs
    /// an admin key.
    fn needs_an_admin_key(item: &Value) -> bool {
        let mut operations = item.as_object().unwrap().values();
        operations.any(|operation| !operation["responses"]["403"].is_null())
    }

    #[test]
    fn every_call_that_needs_an_admin_key_is_excluded() {
        let document = serde_json::to_value(openapi()).unwrap();
        let mut excluded = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            let is_of_the_api = path.starts_with("/api/") || path.starts_with("/v1/");
            let is_admin = needs_an_admin_key(item);
            assert_eq!(is_for_pages(path), is_of_the_api && !is_admin, "{path}");
            excluded += usize::from(is_admin);
        }
        assert_eq!(excluded, 6);
    }
}
