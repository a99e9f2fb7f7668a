//! Errors with status 200, for clients that read no other body.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use crate::call::SharedContext;

/// Where the documented API is.
const DOCUMENTED: &str = "/api/";

/// Answers errors with 200 where the documented API is, when the operator wants
/// it: paths and methods there that do not exist as well.
pub(super) async fn force_status_200(
    State(state): State<SharedContext>,
    request: Request,
    next: Next,
) -> Response {
    let is_documented = request.uri().path().starts_with(DOCUMENTED);
    let mut response = next.run(request).await;
    if state.config.legacy_http_200 && is_documented {
        *response.status_mut() = StatusCode::OK;
    }
    response
}
