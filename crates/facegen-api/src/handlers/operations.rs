//! What operators and their machines ask for.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::Readiness;
use crate::call::SharedState;
use crate::page;
use crate::response::Json;

#[derive(Serialize)]
struct Index {
    name: &'static str,
    version: &'static str,
    make_gen: &'static str,
    fetch: &'static str,
}

/// Says what this is: to people by the page, to programs in JSON.
pub(crate) async fn index(headers: HeaderMap) -> Response {
    if page::is_wanted(&headers) {
        return page::html();
    }
    Json(Index {
        name: "facegen",
        version: env!("CARGO_PKG_VERSION"),
        make_gen: "POST /api/v1/enterprise/face_gen/make_gen",
        fetch: "POST /api/v1/enterprise/face_gen/fetch/{id}",
    })
    .into_response()
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// Says that the process serves, whatever else it can or cannot do.
pub(crate) async fn healthz() -> Response {
    Json(Health { status: "ok" }).into_response()
}

/// Says whether pictures can be made, and what is missing.
pub(crate) async fn readyz(State(state): State<SharedState>) -> Response {
    let readiness = if state.jobs.is_accepting() {
        (state.readiness)()
    } else {
        Readiness::Draining
    };
    let status = match readiness {
        Readiness::Ready => StatusCode::OK,
        Readiness::Loading { .. } | Readiness::Draining | Readiness::Broken { .. } => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    (status, Json(readiness)).into_response()
}

/// The metrics of the process, in Prometheus' text format.
pub(crate) async fn metrics(State(state): State<SharedState>) -> Response {
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, content_type)], (state.metrics)()).into_response()
}
