//! One call of the documented API.

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

/// What the router holds, from which each request gets what counts at its time.
#[derive(Clone)]
pub(crate) struct RouterState {
    pub(crate) api: ApiState,
    /// The room for bodies.
    pub(crate) bodies: Arc<BodyBudget>,
    /// The room for streams of events.
    pub(crate) streams: Arc<Streams>,
    /// The description of all routes.
    pub(crate) description: &'static utoipa::openapi::OpenApi,
}

/// What a request needs: what the binary gave, what only this crate needs, and
/// the settings of this moment.
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

/// The state as handlers get it.
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

/// A call whose key is known. Nothing about its fields has been told yet.
pub(crate) struct ApiCall {
    /// Whom it comes from.
    pub(crate) key: Key,
    /// What was sent.
    pub(crate) body: RequestBody,
    /// The room for what was sent.
    pub(crate) share: BodyPermit,
    /// The header `Idempotency-Key`.
    pub(crate) idempotency_key: Option<HeaderValue>,
    /// What links in the answer begin with.
    pub(crate) base_url: String,
    /// The flavor of routes that it came by.
    pub(crate) flavor: ApiFlavor,
}

impl ApiCall {
    /// The addresses for the answer.
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

/// The key in the body counts first, as documented; then the one in a header.
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

/// The fields of the body, and the room that they take. Only `POST` has a body.
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
        let share = state.bodies.share(Holder::Stranger);
        return Ok((RequestBody::default(), share));
    }
    let mut reader = BodyReader::new(&parts.headers, body, max_body_bytes)?;
    let beginning = reader.beginning().await?;
    let holder = match beginning {
        Some(beginning) => holder(state, &parts.headers, beginning).await,
        None => Holder::Stranger,
    };
    let share = state.bodies.share(holder);
    let bytes = reader.all(&share).await?;
    let headers = parts.headers.clone();
    // The share goes along: the work goes on when its caller has gone.
    off_the_runtime(move || Ok((parse_body(&headers, &bytes)?, share))).await?
}

/// Whose room a body takes of which this is the beginning. What is wrong with
/// its key is found out when all of it is here.
async fn holder(state: &SharedContext, headers: &HeaderMap, beginning: &[u8]) -> Holder {
    let sent = [sent_in_headers(headers), early_key(headers, beginning)];
    for sent in sent.into_iter().flatten() {
        if let Ok(key) = authenticate(&state.jobs, &sent).await {
            return Holder::Key(key.id);
        }
    }
    Holder::Stranger
}

/// Runs `work` where it holds up nobody: bodies with photos take
/// milliseconds to read.
///
/// # Errors
/// `work` panicked.
pub(crate) async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| ApiError::Panicked)
}
