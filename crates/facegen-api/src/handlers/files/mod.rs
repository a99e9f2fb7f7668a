//! Serves image files. No key is needed: the name is the secret.

mod body;
mod conditions;
mod range;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use facegen_core::FileName;

use self::conditions::{entity_tag, is_cached};
use self::range::Part;
use crate::ApiError;
use crate::call::SharedContext;
use crate::openapi::errors::ImageErrors;

/// Files never change but expire, and no cache should keep them much longer.
const CACHED_FOR: &str = "private, max-age=300";

/// An image
///
/// As PNG, or in base64 as text. Links in answers point here, unless a bucket
/// is set. The bytes of a name never change.
#[utoipa::path(
    method(get, head),
    path = "",
    tag = "files",
    params(
        ("file" = String, Path, description = "The name; who knows it may see the image.",
            example = "8c3ef6ea-1c44-4d69-91cb-fc11971a65d1-0.png"),
        ("range" = Option<String>, Header, nullable = false, description = "One range of bytes, for `GET` only. \
            Several ranges, or another unit, get the whole file."),
        ("if-range" = Option<String>, Header, nullable = false, description = "The `etag` of the part that the \
            client has: the range applies only if it is still right."),
        ("if-none-match" = Option<String>, Header, nullable = false, description = "The `etag` of the file that the \
            client has."),
    ),
    responses(
        (status = 200, description = "The file",
            content(("image/png"), (String = "text/plain")),
            headers(
                ("etag" = String, description = "A strong validator."),
                ("accept-ranges" = String, description = "Always `bytes`."),
            )),
        (status = 206, description = "The range",
            content(("image/png"), (String = "text/plain")),
            headers(("content-range" = String, description = "Which bytes of how many."))),
        (status = 304, description = "The client has the file"),
        ImageErrors,
    ),
    security(()),
)]
pub(crate) async fn file(
    State(state): State<SharedContext>,
    method: Method,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(text) = path.map_err(|_| ApiError::UnknownFile)?;
    let name = FileName::parse(&text).ok_or(ApiError::UnknownFile)?;
    let file = state.jobs.file(&name).await?;
    let file = file.ok_or(ApiError::UnknownFile)?;
    let length = body::length(&file);
    let tag = entity_tag(&name);
    if is_cached(&headers, &tag) {
        return Ok(unchanged(&tag, length));
    }
    let part = match length {
        // A range means nothing to other methods.
        Some(length) if method == Method::GET => Part::requested(&headers, &tag, length)?,
        Some(_) | None => None,
    };
    let bytes = body::body(file, part.as_ref()).await?;
    Ok(response(&name, &tag, part, length, bytes))
}

/// Returns the response with the whole file, or with a part of it.
fn response(
    name: &FileName,
    tag: &str,
    part: Option<Part>,
    length: Option<u64>,
    body: Body,
) -> Response {
    let disposition = format!("inline; filename=\"{}\"", name.expose());
    let headers = [
        (CONTENT_TYPE, name.kind.content_type()),
        (CACHE_CONTROL, CACHED_FOR),
        (CONTENT_DISPOSITION, disposition.as_str()),
        (ACCEPT_RANGES, "bytes"),
        (ETAG, tag),
    ];
    let mut response = (headers, body).into_response();
    let length = part.as_ref().map(Part::length).or(length);
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    if let Some(range) = part.and_then(|part| HeaderValue::try_from(part.to_string()).ok()) {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        response.headers_mut().insert(CONTENT_RANGE, range);
    }
    response
}

/// Returns the response to a client that has the file.
fn unchanged(tag: &str, length: Option<u64>) -> Response {
    let headers = [(CACHE_CONTROL, CACHED_FOR), (ETAG, tag)];
    let mut response = (StatusCode::NOT_MODIFIED, headers).into_response();
    if let Some(length) = length {
        // That of the file, as the router would otherwise set that of no body.
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response
}
