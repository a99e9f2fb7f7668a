//! Uploads: images that are sent as base64 or as files to get a link.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use facegen_core::redact::FaceImage;
use facegen_core::{FaceError, FieldError, RequestError};
use facegen_jobs::{JobError, Upload};

use crate::ApiError;
use crate::body::RequestBody;
use crate::call::{ApiCall, SharedContext, off_the_runtime};
use crate::links::Links;
use crate::openapi::errors::UploadErrors;
use crate::openapi::multipart::{Base64StringForm, InitImageForm};
use crate::openapi::request::{Base64StringRequest, InitImageRequest};
use crate::response::Json;
use crate::wire::ImageKept;

/// Store an image and return its link
///
/// Stored as PNG, for as long as generated images.
#[utoipa::path(
    post,
    path = "",
    tag = "face_gen",
    request_body(content(
        (Base64StringRequest = "application/json"),
        (Base64StringForm = "multipart/form-data"),
    )),
    responses((status = 200, body = ImageKept, description = "The link"), UploadErrors),
)]
pub(crate) async fn base64_string(
    State(state): State<SharedContext>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    keep(&state, call, "base64_string").await
}

/// Store an image and return its link
///
/// Stored as PNG, for as long as generated images.
#[utoipa::path(
    post,
    path = "",
    tag = "face_gen",
    request_body(content(
        (InitImageRequest = "application/json"),
        (InitImageForm = "multipart/form-data"),
    )),
    responses((status = 200, body = ImageKept, description = "The link"), UploadErrors),
)]
pub(crate) async fn init_image(
    State(state): State<SharedContext>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    keep(&state, call, "init_image").await
}

/// Stores the image in the field `name`, or in the field of the other route.
async fn keep(
    state: &SharedContext,
    call: ApiCall,
    name: &'static str,
) -> Result<Response, ApiError> {
    let ApiCall {
        key,
        body,
        share,
        base_url,
        ..
    } = call;
    state.jobs.count_request(&key).await?;
    let max_bytes = state.config.max_face_bytes;
    let parsing = move || (parse(body, name, max_bytes), share);
    let (parsed, share) = off_the_runtime(parsing).await?;
    let (field, image) = parsed?;
    let upload = Upload { key: key.id, image };
    let jobs = state.jobs.clone();
    let uploaded = share
        .hold_during(async move { jobs.upload(upload).await })
        .await?;
    let uploaded = uploaded.map_err(|error| of_field(error, field))?;
    let links = Links::new(&base_url);
    Ok(Json(ImageKept::new(&uploaded, links)).into_response())
}

/// Decodes the image and returns it with the name of its field. Base64 text is
/// dropped at once.
fn parse(
    body: RequestBody,
    name: &'static str,
    max_bytes: usize,
) -> Result<(&'static str, FaceImage), RequestError> {
    let (field, image) = body.into_image(name)?;
    match image.into_file(field, max_bytes) {
        Ok(image) => Ok((field, image)),
        Err(error) => Err(RequestError {
            errors: vec![error],
        }),
    }
}

/// Reports an error of the image under the field that it was sent in.
fn of_field(error: JobError, field: &'static str) -> ApiError {
    let JobError::Face(FaceError { message, .. }) = error else {
        return error.into();
    };
    let rule = message.strip_prefix("face_image ").unwrap_or(&message);
    let errors = vec![FieldError::new(field, rule)];
    RequestError { errors }.into()
}
