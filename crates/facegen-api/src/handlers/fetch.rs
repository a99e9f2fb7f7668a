//! The question after the pictures of a job.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use facegen_core::request::Scalar;
use facegen_core::{FieldError, JobState, RequestError};
use facegen_jobs::JobId;
use tracing::Span;

use crate::ApiError;
use crate::call::{ApiCall, SharedState};
use crate::response::Json;
use crate::wire::{Failed, FetchProcessing, FetchSuccess};

/// Answers about the job that the path names.
pub(crate) async fn by_path(
    State(state): State<SharedState>,
    path: Result<Path<String>, PathRejection>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let id = path_id(path)?;
    answer(&state, &call, id).await
}

/// The job that a path names.
pub(super) fn path_id(path: Result<Path<String>, PathRejection>) -> Result<JobId, ApiError> {
    let Path(text) = path.map_err(|_| ApiError::UnknownJob)?;
    let number = text.trim().parse().map_err(|_| ApiError::UnknownJob)?;
    JobId::new(number).ok_or(ApiError::UnknownJob)
}

/// Answers about the job that the body names.
pub(crate) async fn by_body(
    State(state): State<SharedState>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let (field, value) = call.body.job()?;
    let id = read_id(field, value)?;
    answer(&state, &call, id).await
}

/// The id that was sent under `field`. A whole number that is no id is that of
/// no job.
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

async fn answer(state: &SharedState, call: &ApiCall, id: JobId) -> Result<Response, ApiError> {
    Span::current().record("job", id.get());
    let job = state.jobs.find(call.key.id, id).await?;
    let job = job.ok_or(ApiError::UnknownJob)?;
    if job.removed_at.is_some() && job.state == JobState::Succeeded {
        return Err(ApiError::Erased);
    }
    let links = call.links();
    match job.state {
        JobState::Succeeded if job.has_expired(state.clock.now()) => Err(ApiError::Expired {
            keep: state.config.keep_pictures,
        }),
        JobState::Succeeded => Ok(Json(FetchSuccess::new(&job, links)).into_response()),
        JobState::Failed | JobState::Cancelled => Ok(Json(Failed::new(&job)).into_response()),
        JobState::Queued | JobState::Running => {
            let estimate = state.jobs.estimate(&job).await?;
            Ok(Json(FetchProcessing::new(&job, estimate, links)).into_response())
        }
    }
}
