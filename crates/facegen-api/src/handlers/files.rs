//! The pictures themselves. No key is asked for: the name is the secret.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use facegen_core::{FileName, StoredObject};
use tokio_util::io::ReaderStream;

use crate::ApiError;
use crate::call::SharedState;
use crate::openapi::errors::FileErrors;

/// A file never changes, but it goes when it expires; no cache shall keep it
/// for much longer.
const CACHED_FOR: &str = "private, max-age=300";

/// How much of a file is in memory for one reader.
const PIECE: usize = 64 * 1024;

/// A picture
///
/// Also in base64, as text. The links in answers lead here, unless there is a
/// bucket.
#[utoipa::path(
    get,
    path = "",
    tag = "files",
    params(("file" = String, Path, description = "The name; who knows it may see the picture.",
        example = "8c3ef6ea-1c44-4d69-91cb-fc11971a65d1-0.png")),
    responses(
        (status = 200, description = "The file",
            content(("image/png"), (String = "text/plain"))),
        FileErrors,
    ),
    security(()),
)]
pub(crate) async fn file(
    State(state): State<SharedState>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(text) = path.map_err(|_| ApiError::UnknownFile)?;
    let name = FileName::parse(&text).ok_or(ApiError::UnknownFile)?;
    let file = state.jobs.file(&name).await?;
    let (body, length) = body(file.ok_or(ApiError::UnknownFile)?);
    let length = length.to_string();
    let disposition = format!("inline; filename=\"{text}\"");
    let headers = [
        (CONTENT_TYPE, name.kind.content_type()),
        (CONTENT_LENGTH, length.as_str()),
        (CACHE_CONTROL, CACHED_FOR),
        (CONTENT_DISPOSITION, disposition.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, body).into_response())
}

/// The body of the answer, and its length. A file is read as fast as its reader
/// takes it, so that a slow one holds no more than a piece.
fn body(file: StoredObject) -> (Body, u64) {
    match file {
        StoredObject::Bytes(bytes) => {
            let length = bytes.len() as u64;
            (bytes.into(), length)
        }
        StoredObject::File { file, bytes } => {
            let file = tokio::fs::File::from_std(file);
            let pieces = ReaderStream::with_capacity(file, PIECE);
            (Body::from_stream(pieces), bytes)
        }
    }
}
