//! Serves image files. No key is needed: the name is the secret.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use facegen_core::{FileName, ObjectPieces, StorageError, StoredObject};
use futures_util::stream::{Stream, unfold};
use tokio_util::io::ReaderStream;
use tracing::warn;

use crate::ApiError;
use crate::call::SharedContext;
use crate::openapi::errors::FileErrors;

/// Files never change but expire, and no cache should keep them much longer.
const CACHED_FOR: &str = "private, max-age=300";

/// How much of a file is in memory per reader.
const PIECE: usize = 64 * 1024;

/// An image
///
/// As PNG, or in base64 as text. Links in answers point here, unless a bucket
/// is set.
#[utoipa::path(
    get,
    path = "",
    tag = "files",
    params(("file" = String, Path, description = "The name; who knows it may see the image.",
        example = "8c3ef6ea-1c44-4d69-91cb-fc11971a65d1-0.png")),
    responses(
        (status = 200, description = "The file",
            content(("image/png"), (String = "text/plain"))),
        FileErrors,
    ),
    security(()),
)]
pub(crate) async fn file(
    State(state): State<SharedContext>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(text) = path.map_err(|_| ApiError::UnknownFile)?;
    let name = FileName::parse(&text).ok_or(ApiError::UnknownFile)?;
    let file = state.jobs.file(&name).await?;
    let (body, length) = body(file.ok_or(ApiError::UnknownFile)?);
    let disposition = format!("inline; filename=\"{text}\"");
    let headers = [
        (CONTENT_TYPE, name.kind.content_type()),
        (CACHE_CONTROL, CACHED_FOR),
        (CONTENT_DISPOSITION, disposition.as_str()),
    ];
    let mut response = (headers, body).into_response();
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    Ok(response)
}

/// Returns the body of the response, and its length if that is known. Files are
/// streamed as fast as the client reads, so that a slow client holds no more
/// than one piece in memory.
fn body(file: StoredObject) -> (Body, Option<u64>) {
    match file {
        StoredObject::Bytes(bytes) => {
            let length = bytes.len() as u64;
            (bytes.into(), Some(length))
        }
        StoredObject::File { file, bytes } => {
            let file = tokio::fs::File::from_std(file);
            let pieces = ReaderStream::with_capacity(file, PIECE);
            (Body::from_stream(pieces), Some(bytes))
        }
        StoredObject::Pieces { pieces, bytes } => (Body::from_stream(stream(pieces)), bytes),
    }
}

/// Streams an object from a bucket. When the bucket fails, the response breaks
/// off, which the client notices by its length.
fn stream(
    pieces: Box<dyn ObjectPieces>,
) -> impl Stream<Item = Result<Bytes, StorageError>> + Send + 'static {
    unfold(Some(pieces), |pieces| async move {
        let mut pieces = pieces?;
        match pieces.next().await {
            Ok(piece) => Some((Ok(piece?), Some(pieces))),
            Err(error) => {
                warn!(%error, "failed to read an image from the bucket");
                Some((Err(error), None))
            }
        }
    })
}
