//! The bucket that a key describes for its images.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use facegen_core::{BucketDetails, FieldError, RawBucketDetails, RequestError};

use crate::ApiError;
use crate::body::RequestBody;
use crate::call::{ApiCall, SharedContext};
use crate::openapi::errors::BucketErrors;
use crate::openapi::request::{ResetBucketRequest, UpdateBucketRequest};
use crate::response::Json;
use crate::wire::Done;

/// Lets the images of the key go to a bucket of its own
///
/// An object is written, read at its link and deleted first.
#[utoipa::path(
    post,
    path = "",
    tag = "control",
    request_body = UpdateBucketRequest,
    responses((status = 200, body = Done, description = "It is done"), BucketErrors),
)]
pub(crate) async fn update(
    State(state): State<SharedContext>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let details = details(&call.body)?;
    state.jobs.set_bucket(call.key.id, details).await?;
    Ok(Json(Done::new("S3 details updated successfully")).into_response())
}

/// Lets the images of the key go where those of others go
#[utoipa::path(
    post,
    path = "",
    tag = "control",
    request_body = ResetBucketRequest,
    responses((status = 200, body = Done, description = "It is done"), BucketErrors),
)]
pub(crate) async fn reset(
    State(state): State<SharedContext>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let mut errors = unreadable(&call.body);
    errors.retain(|error| error.field == "deploy_type");
    errors.extend(call.body.bucket.check_deploy_type().err());
    if !errors.is_empty() {
        return Err(RequestError { errors }.into());
    }
    state.jobs.forget_bucket(call.key.id).await?;
    Ok(Json(Done::new("S3 details reset successfully")).into_response())
}

/// The details that were sent, or everything that is wrong with them.
fn details(body: &RequestBody) -> Result<BucketDetails, RequestError> {
    let unreadable = unreadable(body);
    match body.bucket.parse() {
        Ok(details) if unreadable.is_empty() => Ok(details),
        Ok(_) => Err(RequestError { errors: unreadable }),
        Err(RequestError { mut errors }) => {
            // What cannot be read looks as if it were missing.
            errors.retain(|error| unreadable.iter().all(|known| known.field != error.field));
            let errors = unreadable.into_iter().chain(errors).collect();
            Err(RequestError { errors })
        }
    }
}

/// The fields of a bucket whose value is of no use in whatever way it is read.
fn unreadable(body: &RequestBody) -> Vec<FieldError> {
    let of_bucket = |error: &&FieldError| RawBucketDetails::NAMES.contains(&error.field);
    body.errors.iter().filter(of_bucket).cloned().collect()
}
