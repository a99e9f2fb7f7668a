//! The calls that fetch the result of a job.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use facegen_core::JobId;
use facegen_core::request::Scalar;
use facegen_core::{FieldError, JobState, RequestError};
use tracing::Span;

use crate::ApiError;
use crate::call::{ApiCall, SharedContext};
use crate::handlers::images::output;
use crate::openapi::errors::{JobErrors, NamedJobErrors};
use crate::openapi::request::{FetchRequest, KeyRequest};
use crate::response::Json;
use crate::wire::{Failed, FetchProcessing, FetchSuccess, Fetched};

/// Fetch the result of the job in the path
#[utoipa::path(
    method(get, post),
    path = "",
    tag = "face_gen",
    params(("id" = u32, Path, description = "The id that `make_gen` answered.", example = 32)),
    request_body = KeyRequest,
    responses((status = 200, body = Fetched, description = "The job as it is"), JobErrors),
)]
pub(crate) async fn by_path(
    State(state): State<SharedContext>,
    path: Result<Path<String>, PathRejection>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let id = path_id(path)?;
    answer(&state, &call, id).await
}

/// Parses the job id of a path.
pub(super) fn path_id(path: Result<Path<String>, PathRejection>) -> Result<JobId, ApiError> {
    let Path(text) = path.map_err(|_| ApiError::UnknownJob)?;
    let number = text.trim().parse().map_err(|_| ApiError::UnknownJob)?;
    JobId::new(number).ok_or(ApiError::UnknownJob)
}

/// Fetch the result of the job in the body
#[utoipa::path(
    post,
    path = "",
    tag = "face_gen",
    request_body = FetchRequest,
    responses((status = 200, body = Fetched, description = "The job as it is"), NamedJobErrors),
)]
pub(crate) async fn by_body(
    State(state): State<SharedContext>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let (field, value) = call.body.job()?;
    let id = read_id(field, value)?;
    answer(&state, &call, id).await
}

/// Parses the job id in `field`. A whole number that is out of range is
/// reported as an unknown job.
fn read_id(field: &'static str, value: &Scalar) -> Result<JobId, ApiError> {
    if let Ok(Some(number)) = value.integer_within(field, 1..=JobId::MAX) {
        return JobId::new(number).ok_or(ApiError::UnknownJob);
    }
    match value.number(field) {
        Ok(Some(number)) if number.fract() == 0.0 => Err(ApiError::UnknownJob),
        _ => {
            let errors = vec![FieldError::new(field, "must be a whole number")];
            Err(RequestError { errors }.into())
        }
    }
}

async fn answer(state: &SharedContext, call: &ApiCall, id: JobId) -> Result<Response, ApiError> {
    Span::current().record("job", id.get());
    let job = state.jobs.find(call.key.id, id).await?;
    let job = job.ok_or(ApiError::UnknownJob)?;
    if let Some(gone) = ApiError::of_gone(&job, state.clock.now()) {
        return Err(gone);
    }
    let links = call.links();
    let fetched = match job.state {
        JobState::Succeeded => {
            let output = output(state, &job, links).await;
            Fetched::Success(FetchSuccess::new(&job, output))
        }
        JobState::Failed | JobState::Cancelled => Fetched::Failed(Failed::new(&job)),
        JobState::Queued | JobState::Running => {
            let estimate = state.jobs.estimate(&job).await?;
            Fetched::Processing(FetchProcessing::new(&job, estimate, links))
        }
    };
    Ok(Json(fetched).into_response())
}
