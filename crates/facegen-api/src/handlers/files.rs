//! The pictures themselves. No key is asked for: the name is the secret.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use facegen_core::FileName;

use crate::ApiError;
use crate::call::SharedState;

/// A file never changes, but it goes when it expires; no cache shall keep it
/// for much longer.
const CACHED_FOR: &str = "private, max-age=300";

/// Answers with the file of this name.
pub(crate) async fn file(
    State(state): State<SharedState>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(text) = path.map_err(|_| ApiError::UnknownFile)?;
    let name = FileName::parse(&text).ok_or(ApiError::UnknownFile)?;
    let bytes = state.jobs.file(&name).await?;
    let bytes = bytes.ok_or(ApiError::UnknownFile)?;
    let disposition = format!("inline; filename=\"{text}\"");
    let headers = [
        (CONTENT_TYPE, name.kind.content_type()),
        (CACHE_CONTROL, CACHED_FOR),
        (CONTENT_DISPOSITION, disposition.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, bytes).into_response())
}
