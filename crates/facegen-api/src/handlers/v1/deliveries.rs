//! The deliveries of a key: webhooks and uploads.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use facegen_core::store::DeliveryRecord;
use facegen_jobs::Replay;

use super::{Part, PartQuery, part};
use crate::ApiError;
use crate::call::{ApiCall, SharedContext};
use crate::openapi::errors::{DeliveryErrors, ListErrors, ReplayErrors};
use crate::openapi::request::KeyRequest;
use crate::response::Json;
use crate::wire::v1::Page;
use crate::wire::v1::delivery::DeliveryBody;

/// List the latest deliveries of the key
#[utoipa::path(
    get,
    path = "",
    tag = "v1",
    params(Part),
    responses((status = 200, body = Page<DeliveryBody, i64>, description = "The latest first"), ListErrors),
)]
pub(crate) async fn list(
    State(state): State<SharedContext>,
    query: PartQuery,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let (before, limit) = part(query)?;
    let found = state.jobs.deliveries(call.key.id, before, limit).await?;
    let full = found.len() >= limit as usize;
    let next = found.last().map(|delivery| delivery.number);
    let items: Vec<DeliveryBody> = found.into_iter().map(DeliveryBody::from).collect();
    Ok(Json(Page::new(items, next.filter(|_| full))).into_response())
}

/// Show one delivery
#[utoipa::path(
    get,
    path = "",
    tag = "v1",
    params(("id" = String, Path, description = "The id of the delivery.")),
    responses((status = 200, body = DeliveryBody, description = "At this moment"), DeliveryErrors),
)]
pub(crate) async fn show(
    State(state): State<SharedContext>,
    path: Result<Path<String>, PathRejection>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let Path(name) = path.map_err(|_| ApiError::UnknownDelivery)?;
    let delivery = state.jobs.delivery(call.key.id, &name).await?;
    Ok(body(delivery.ok_or(ApiError::UnknownDelivery)?))
}

/// Replay a delivery that succeeded or was given up
#[utoipa::path(
    post,
    path = "",
    tag = "v1",
    params(("id" = String, Path, description = "The id of the delivery.")),
    request_body = KeyRequest,
    responses((status = 200, body = DeliveryBody, description = "Queued"), ReplayErrors),
)]
pub(crate) async fn replay(
    State(state): State<SharedContext>,
    path: Result<Path<String>, PathRejection>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let Path(name) = path.map_err(|_| ApiError::UnknownDelivery)?;
    match state.jobs.replay(call.key.id, &name).await? {
        Replay::Queued(delivery) => Ok(body(delivery)),
        Replay::Busy => Err(ApiError::DeliveryBusy),
        Replay::Unknown => Err(ApiError::UnknownDelivery),
    }
}

fn body(delivery: DeliveryRecord) -> Response {
    Json(DeliveryBody::from(delivery)).into_response()
}
