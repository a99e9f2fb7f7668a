//! The calls that set and reset the bucket of a key.

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

/// Set the bucket of the key
///
/// Writes, reads and deletes a test object first.
#[utoipa::path(
    post,
    path = "",
    tag = "control",
    request_body = UpdateBucketRequest,
    responses((status = 200, body = Done, description = "Done"), BucketErrors),
)]
pub(crate) async fn update(
    State(state): State<SharedContext>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let details = details(&call.body)?;
    state.jobs.set_bucket(call.key.id, details).await?;
    Ok(Json(Done::new("S3 details updated successfully")).into_response())
}

/// Reset the key to the server's default storage
#[utoipa::path(
    post,
    path = "",
    tag = "control",
    request_body = ResetBucketRequest,
    responses((status = 200, body = Done, description = "Done"), BucketErrors),
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

/// Parses the details that were sent, or returns all errors in them.
fn details(body: &RequestBody) -> Result<BucketDetails, RequestError> {
    let unreadable = unreadable(body);
    match body.bucket.parse() {
        Ok(details) if unreadable.is_empty() => Ok(details),
        Ok(_) => Err(RequestError { errors: unreadable }),
        Err(RequestError { mut errors }) => {
            // A value of a wrong type also looks like a missing one.
            errors.retain(|error| unreadable.iter().all(|known| known.field != error.field));
            let errors = unreadable.into_iter().chain(errors).collect();
            Err(RequestError { errors })
        }
    }
}

/// Returns the fields of a bucket whose value has a wrong type.
fn unreadable(body: &RequestBody) -> Vec<FieldError> {
    let of_bucket = |error: &&FieldError| RawBucketDetails::NAMES.contains(&error.field);
    body.errors.iter().filter(of_bucket).cloned().collect()
}
