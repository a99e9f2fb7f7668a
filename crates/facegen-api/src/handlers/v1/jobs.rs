//! The jobs of a key: list, details and erasure.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use facegen_core::JobId;
use tracing::Span;

use super::{Part, PartQuery, part};
use crate::ApiError;
use crate::call::{ApiCall, SharedContext};
use crate::handlers::fetch::path_id;
use crate::links::Links;
use crate::openapi::errors::{ListErrors, OwnJobErrors};
use crate::response::Json;
use crate::wire::v1::Page;
use crate::wire::v1::job::{ErasedBody, JobBody, JobSummary};

/// List the latest jobs of the key
#[utoipa::path(
    get,
    path = "",
    tag = "v1",
    params(Part),
    responses((status = 200, body = Page<JobSummary, u32>, description = "The latest first"), ListErrors),
)]
pub(crate) async fn list(
    State(state): State<SharedContext>,
    query: PartQuery,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let (before, limit) = part(query)?;
    // A number that is no job id has no jobs before it.
    let before = before.map(|id| JobId::new(id).ok_or(ApiError::UnknownJob));
    let before = before.transpose()?;
    let jobs = state.jobs.page(call.key.id, before, limit).await?;
    let (links, now) = (Links::new(&call.base_url), state.clock.now());
    let entry = |job| JobSummary::new(job, links, now);
    let items: Vec<JobSummary> = jobs.iter().map(entry).collect();
    let full = items.len() >= limit as usize;
    let next = items.last().map(|job| job.id).filter(|_| full);
    Ok(Json(Page::new(items, next)).into_response())
}

/// Show one job
#[utoipa::path(
    get,
    path = "",
    tag = "v1",
    params(("id" = u32, Path, description = "The id of the job.")),
    responses((status = 200, body = JobBody, description = "At this moment"), OwnJobErrors),
)]
pub(crate) async fn show(
    State(state): State<SharedContext>,
    path: Result<Path<String>, PathRejection>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let id = path_id(path)?;
    Span::current().record("job", id.get());
    let view = state.jobs.view(call.key.id, id).await?;
    let view = view.ok_or(ApiError::UnknownJob)?;
    let links = Links::new(&call.base_url);
    let now = state.clock.now();
    Ok(Json(JobBody::new(&view, links, &state.capabilities, now)).into_response())
}

/// Cancel a job and erase its personal data
#[utoipa::path(
    delete,
    path = "",
    tag = "v1",
    params(("id" = u32, Path, description = "The id of the job.")),
    responses((status = 200, body = ErasedBody, description = "What was deleted"), OwnJobErrors),
)]
pub(crate) async fn erase(
    State(state): State<SharedContext>,
    path: Result<Path<String>, PathRejection>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let id = path_id(path)?;
    Span::current().record("job", id.get());
    let erased = state.jobs.erase(call.key.id, id).await?;
    let erased = erased.ok_or(ApiError::UnknownJob)?;
    Ok(Json(ErasedBody::from(&erased)).into_response())
}
