//! The key of a page that was opened by a link with a one-time token.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use facegen_jobs::JobError;

use crate::ApiError;
use crate::auth::sent_in_headers;
use crate::body::discard_request;
use crate::call::SharedContext;
use crate::links::is_own_host;
use crate::openapi::errors::PageKeyErrors;
use crate::response::Json;
use crate::wire::PageKey;

/// Exchange the token of a link to the page for a key
///
/// `facegen run` prints the link. Its token is sent in place of a key and is
/// valid once, for ten minutes. The key is a plain one, and replaces that of the
/// page before. The `Host` has to be a loopback address, or that of
/// `server.public_url`, so that no page of another host can be the page.
#[utoipa::path(
    post,
    path = "",
    tag = "operations",
    responses(
        (status = 200, body = PageKey, description = "The key of the page"),
        PageKeyErrors,
    ),
    security(("key" = []), ("bearer" = [])),
)]
pub(crate) async fn exchange(
    State(state): State<SharedContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let (uri, headers) = (request.uri().clone(), request.headers().clone());
    discard_request(request).await;
    let public_url = state.config.public_url.as_deref();
    if !is_own_host(public_url, &uri, &headers) {
        return Err(ApiError::InvalidHost);
    }
    let token = sent_in_headers(&headers).ok_or(ApiError::SpentToken)?;
    if !state.page_tokens.redeem(&token) {
        return Err(ApiError::SpentToken);
    }
    let key = state.jobs.keys().renew_page_key().await;
    let key = key.map_err(JobError::from)?;
    Ok(Json(PageKey::new(&key)).into_response())
}
