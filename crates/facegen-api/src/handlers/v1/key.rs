//! What the caller's key is.

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::call::{ApiCall, SharedContext};
use crate::openapi::errors::CallErrors;
use crate::response::Json;
use crate::wire::v1::key::KeyBody;

/// Show what the key is
///
/// Its name, role and limits.
#[utoipa::path(
    get,
    path = "",
    tag = "v1",
    responses((status = 200, body = KeyBody, description = "The key of the call"), CallErrors),
)]
pub(crate) async fn show(State(state): State<SharedContext>, call: ApiCall) -> Response {
    let limits = state.jobs.limits(&call.key);
    let streams = state.config.event_streams_of_key;
    Json(KeyBody::new(&call.key, limits, streams)).into_response()
}
