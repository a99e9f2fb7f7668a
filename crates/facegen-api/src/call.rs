//! One call of the documented API: its key, its fields and its base URL.

use std::ops::Deref;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use facegen_core::Key;

use crate::auth::{authenticate, sent_in_headers};
use crate::body::{BodyBudget, BodyPermit, BodyReader, Holder, RequestBody, early_key, parse_body};
use crate::flavor::ApiFlavor;
use crate::links::{Links, base_url};
use crate::middleware::in_time;
use crate::streams::Streams;
use crate::{ApiConfig, ApiError, ApiSettings, ApiState, Capabilities};

/// The state of the router, from which each request gets its context.
#[derive(Clone)]
pub(crate) struct RouterState {
    pub(crate) api: ApiState,
    /// The memory budget of bodies.
    pub(crate) bodies: Arc<BodyBudget>,
    /// The open event streams.
    pub(crate) streams: Arc<Streams>,
    /// The OpenAPI document.
    pub(crate) description: &'static utoipa::openapi::OpenApi,
}

/// The context of one request: the state of the binary and of the router, and a
/// snapshot of the settings.
pub(crate) struct RequestContext {
    api: ApiState,
    pub(crate) config: ApiConfig,
    pub(crate) capabilities: Capabilities,
    bodies: Arc<BodyBudget>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) description: &'static utoipa::openapi::OpenApi,
}

impl Deref for RequestContext {
    type Target = ApiState;

    fn deref(&self) -> &ApiState {
        &self.api
    }
}

/// The context as handlers get it.
pub(crate) type SharedContext = Arc<RequestContext>;

impl FromRef<RouterState> for SharedContext {
    fn from_ref(state: &RouterState) -> Self {
        let ApiSettings {
            config,
            capabilities,
        } = (*state.api.settings.get()).clone();
        Self::new(RequestContext {
            api: state.api.clone(),
            config,
            capabilities,
            bodies: Arc::clone(&state.bodies),
            streams: Arc::clone(&state.streams),
            description: state.description,
        })
    }
}

/// An authenticated call. Its fields are not validated yet.
pub(crate) struct ApiCall {
    /// The key that authenticated it.
    pub(crate) key: Key,
    /// The fields of its body.
    pub(crate) body: RequestBody,
    /// The memory that the body takes.
    pub(crate) share: BodyPermit,
    /// The header `Idempotency-Key`.
    pub(crate) idempotency_key: Option<HeaderValue>,
    /// The base URL of links in the response.
    pub(crate) base_url: String,
    /// The flavor of the route that was called.
    pub(crate) flavor: ApiFlavor,
}

impl ApiCall {
    /// Returns the builder of links for the response.
    pub(crate) fn links(&self) -> Links<'_> {
        Links::new(&self.base_url).within(self.flavor)
    }
}

impl FromRequest<RouterState> for ApiCall {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &RouterState) -> Result<Self, ApiError> {
        let state = SharedContext::from_ref(state);
        in_time(read_call(request, &state)).await?
    }
}

/// Reads and authenticates a call. As documented, the key in the body takes
/// precedence over one in a header.
async fn read_call(request: Request, state: &SharedContext) -> Result<ApiCall, ApiError> {
    let (parts, body) = request.into_parts();
    let (mut fields, share) = read_fields(&parts, body, state).await?;
    let sent = fields.key.take();
    let sent = sent.or_else(|| sent_in_headers(&parts.headers));
    let key = authenticate(&state.jobs, &sent.ok_or(ApiError::NoKey)?).await?;
    let public_url = state.config.public_url.as_deref();
    let base_url = base_url(public_url, &parts.uri, &parts.headers)?;
    Ok(ApiCall {
        key,
        body: fields,
        share,
        idempotency_key: parts.headers.get("idempotency-key").cloned(),
        base_url,
        flavor: ApiFlavor::of(parts.uri.path()),
    })
}

/// Reads the fields of the body and reserves memory for them. Only `POST` has a
/// body.
async fn read_fields(
    parts: &Parts,
    body: Body,
    state: &SharedContext,
) -> Result<(RequestBody, BodyPermit), ApiError> {
    let ApiConfig {
        body_budget_bytes,
        max_body_bytes,
        ..
    } = state.config;
    state.bodies.grow(body_budget_bytes, max_body_bytes);
    if parts.method != Method::POST {
        let share = state.bodies.share(Holder::Unknown);
        return Ok((RequestBody::default(), share));
    }
    let mut reader = BodyReader::new(&parts.headers, body, max_body_bytes)?;
    let beginning = reader.beginning().await?;
    let holder = match beginning {
        Some(beginning) => holder(state, &parts.headers, beginning).await,
        None => Holder::Unknown,
    };
    let share = state.bodies.share(holder);
    let bytes = reader.all(&share).await?;
    let headers = parts.headers.clone();
    // The permit moves along: parsing goes on when the caller disconnects.
    off_the_runtime(move || Ok((parse_body(&headers, &bytes)?, share))).await?
}

/// Returns the owner of a body of which only the beginning has arrived. A wrong
/// key is reported once the body is complete.
async fn holder(state: &SharedContext, headers: &HeaderMap, beginning: &[u8]) -> Holder {
    let sent = [sent_in_headers(headers), early_key(headers, beginning)];
    for sent in sent.into_iter().flatten() {
        if let Ok(key) = authenticate(&state.jobs, &sent).await {
            return Holder::Key(key.id);
        }
    }
    Holder::Unknown
}

/// Runs `work` on a thread that may block: bodies with photos take milliseconds
/// to parse.
///
/// # Errors
/// Fails when `work` panics.
pub(crate) async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| ApiError::Panicked)
}
