//! The routes for operators: index, health, readiness, metrics and OpenAPI.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Readiness;
use crate::call::SharedContext;
use crate::openapi::errors::OpenErrors;
use crate::page;
use crate::response::Json;
use crate::wire::Index;

/// Name and version of the server, and what its preset offers
///
/// JSON for programs, for browsers a page to try the API.
#[utoipa::path(
    get,
    path = "",
    tag = "operations",
    responses(
        (status = 200, description = "What the server offers, or the page",
            content((Index = "application/json"), (String = "text/html"))),
        OpenErrors,
    ),
    security(()),
)]
pub(crate) async fn index(State(state): State<SharedContext>, headers: HeaderMap) -> Response {
    if page::is_wanted(&headers) {
        return page::html();
    }
    Json(Index::from(&state.capabilities)).into_response()
}

#[derive(Serialize, ToSchema)]
struct Health {
    status: &'static str,
}

/// The process is up
///
/// Answers 200 whenever the process runs, ready or not.
#[utoipa::path(
    get,
    path = "",
    tag = "operations",
    responses((status = 200, body = Health, description = "The process is up"), OpenErrors),
    security(()),
)]
pub(crate) async fn healthz() -> Response {
    Json(Health { status: "ok" }).into_response()
}

/// Ready for requests
#[utoipa::path(
    get,
    path = "",
    tag = "operations",
    responses(
        OpenErrors,
        (status = 200, body = Readiness, description = "Ready for requests"),
        (status = 503, body = Readiness, description = "Not ready, and what is missing"),
    ),
    security(()),
)]
pub(crate) async fn readyz(State(state): State<SharedContext>) -> Response {
    let readiness = match (state.jobs.is_accepting(), state.jobs.store_fault()) {
        (false, _) => Readiness::Draining,
        (true, None) => (state.readiness)(),
        (true, Some(fault)) => Readiness::Broken {
            reason: fault.to_string(),
        },
    };
    let status = match readiness {
        Readiness::Ready => StatusCode::OK,
        Readiness::Loading { .. } | Readiness::Draining | Readiness::Broken { .. } => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    (status, Json(readiness)).into_response()
}

/// Metrics of the process in Prometheus' text format
#[utoipa::path(
    get,
    path = "",
    tag = "operations",
    responses(
        (status = 200, body = String, content_type = "text/plain", description = "The metrics"),
        OpenErrors,
    ),
    security(()),
)]
pub(crate) async fn metrics(State(state): State<SharedContext>) -> Response {
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, content_type)], (state.metrics)()).into_response()
}

/// This OpenAPI document
#[utoipa::path(
    get,
    path = "",
    tag = "operations",
    responses((status = 200, body = Object, description = "OpenAPI 3.1"), OpenErrors),
    security(()),
)]
pub(crate) async fn description(State(state): State<SharedContext>) -> Response {
    Json(state.description).into_response()
}
