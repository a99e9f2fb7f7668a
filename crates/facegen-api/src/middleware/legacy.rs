//! Status 200 for errors, for clients that read no other response.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use crate::call::SharedContext;

/// The base path of the documented API.
const DOCUMENTED: &str = "/api/";

/// Answers errors of the documented API with 200 if the config asks for it,
/// including unknown paths and methods.
pub(super) async fn force_status_200(
    State(state): State<SharedContext>,
    request: Request,
    next: Next,
) -> Response {
    let is_documented = request.uri().path().starts_with(DOCUMENTED);
    let mut response = next.run(request).await;
    let is_error = !response.status().is_success();
    if state.config.legacy_http_200 && is_documented && is_error {
        *response.status_mut() = StatusCode::OK;
    }
    response
}
