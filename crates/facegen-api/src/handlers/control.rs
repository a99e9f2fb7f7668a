//! The calls that control the server and report its state.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use facegen_core::{Key, KeyRole};

use crate::ApiError;
use crate::call::{ApiCall, SharedContext, off_the_runtime};
use crate::openapi::errors::{AdminErrors, CallErrors, UpdateErrors};
use crate::openapi::request::KeyRequest;
use crate::response::Json;
use crate::wire::{Done, Restarting, SystemDetails};

/// Clear the caches
#[utoipa::path(
    post,
    path = "",
    tag = "control",
    request_body = KeyRequest,
    responses((status = 200, body = Done, description = "Done"), CallErrors),
)]
pub(crate) async fn clear_cache(State(state): State<SharedContext>, _: ApiCall) -> Response {
    state.jobs.clear_cache().await;
    Json(Done::new("Cache cleared successfully")).into_response()
}

/// Cancel queued jobs
///
/// With an admin key the jobs of all keys, else those of the key.
#[utoipa::path(
    post,
    path = "",
    tag = "control",
    request_body = KeyRequest,
    responses((status = 200, body = Done, description = "Done"), CallErrors),
)]
pub(crate) async fn clear_queue(
    State(state): State<SharedContext>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let whose = match call.key.role {
        KeyRole::Admin => None,
        KeyRole::Plain => Some(call.key.id),
    };
    let jobs = state.jobs.clear_queue(whose).await?;
    tracing::info!(jobs, all_keys = whose.is_none(), "queue cleared");
    Ok(Json(Done::new("Queue cleared")).into_response())
}

/// Reload the models
///
/// Needs an admin key. Jobs stay queued meanwhile.
#[utoipa::path(
    post,
    path = "",
    tag = "control",
    request_body = KeyRequest,
    responses((status = 200, body = Restarting, description = "Begun"), AdminErrors),
)]
pub(crate) async fn restart_server(
    State(state): State<SharedContext>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    only_admin(&call.key)?;
    state.control.restart();
    Ok(Json(Restarting::new()).into_response())
}

/// Reload the config and the preset
///
/// Needs an admin key.
#[utoipa::path(
    post,
    path = "",
    tag = "control",
    request_body = KeyRequest,
    responses((status = 200, body = Done, description = "Done"), UpdateErrors),
)]
pub(crate) async fn update_server(
    State(state): State<SharedContext>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    only_admin(&call.key)?;
    let control = Arc::clone(&state.control);
    let updated = off_the_runtime(move || control.update()).await?;
    updated.map_err(|_| ApiError::UpdateRefused)?;
    Ok(Json(Done::new("server updating")).into_response())
}

/// Show the number of loaded models and the expected queue time
#[utoipa::path(
    post,
    path = "",
    tag = "control",
    request_body = KeyRequest,
    responses((status = 200, body = SystemDetails, description = "At this moment"), CallErrors),
)]
pub(crate) async fn system_details(
    State(state): State<SharedContext>,
    _: ApiCall,
) -> Result<Response, ApiError> {
    let details = SystemDetails::new(
        state.config.system_status,
        state.control.model_count(),
        state.jobs.backlog().await?,
    );
    Ok(Json(details).into_response())
}

fn only_admin(key: &Key) -> Result<(), ApiError> {
    match key.role {
        KeyRole::Admin => Ok(()),
        KeyRole::Plain => Err(ApiError::Forbidden),
    }
}
