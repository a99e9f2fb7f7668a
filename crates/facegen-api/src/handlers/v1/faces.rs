//! The faces of a photo.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use facegen_core::redact::FaceImage;
use facegen_core::{FieldError, RequestError};

use crate::ApiError;
use crate::body::RequestBody;
use crate::call::{ApiCall, SharedContext, off_the_runtime};
use crate::openapi::errors::FacesErrors;
use crate::openapi::multipart::FaceImageForm;
use crate::openapi::request::FaceImageRequest;
use crate::response::Json;
use crate::wire::v1::faces::FacesBody;

/// The name of the field.
const FIELD: &str = "face_image";

/// Find the faces of a photo
///
/// Makes no job and keeps nothing. Counts as a request for images within a
/// minute. An engine searches between two steps of its jobs.
#[utoipa::path(
    post,
    path = "",
    tag = "v1",
    request_body(content(
        (FaceImageRequest = "application/json"),
        (FaceImageForm = "multipart/form-data"),
    )),
    responses((status = 200, body = FacesBody, description = "The faces"), FacesErrors),
)]
pub(crate) async fn find(
    State(state): State<SharedContext>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let ApiCall {
        key, body, share, ..
    } = call;
    state.jobs.ensure_finds_faces()?;
    state.jobs.count_request(&key).await?;
    let max_bytes = state.config.max_face_bytes;
    let parsing = move || (parse(body, max_bytes), share);
    let (image, _share) = off_the_runtime(parsing).await?;
    let found = state.jobs.find_faces(image?).await?;
    Ok(Json(FacesBody::from(&found)).into_response())
}

/// Decodes the photo. Base64 text is dropped at once.
fn parse(body: RequestBody, max_bytes: usize) -> Result<FaceImage, RequestError> {
    let refused = |error| RequestError {
        errors: vec![error],
    };
    let broken = body.errors.into_iter().find(|error| error.field == FIELD);
    let Some(image) = body.face_image else {
        let missing = || FieldError::new(FIELD, "is required");
        return Err(refused(broken.unwrap_or_else(missing)));
    };
    image.into_file(FIELD, max_bytes).map_err(refused)
}
