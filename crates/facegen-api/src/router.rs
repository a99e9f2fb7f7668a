//! The router: the routes with their middleware.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use tower::ServiceBuilder;
use utoipa_axum::router::OpenApiRouter;

use crate::body::{BodyBudget, discard_request};
use crate::call::RouterState;
use crate::middleware;
use crate::openapi::openapi;
use crate::routes::{health_routes, method_not_allowed, routes};
use crate::streams::Streams;
use crate::{ApiConfig, ApiError, ApiState};

/// Builds the service with all routes, for the binary and for tests.
pub fn router(state: ApiState) -> Router {
    serve(state, routes())
}

/// Builds the service of a process that answers nothing but health, readiness
/// and metrics.
pub fn health_router(state: ApiState) -> Router {
    serve(state, health_routes())
}

fn serve(state: ApiState, routes: OpenApiRouter<RouterState>) -> Router {
    let ApiConfig {
        body_budget_bytes,
        max_body_bytes,
        max_event_streams,
        ..
    } = state.settings.get().config;
    let live = RouterState {
        api: state,
        bodies: Arc::new(BodyBudget::new(body_budget_bytes, max_body_bytes)),
        streams: Arc::new(Streams::new(max_event_streams)),
        description: openapi(),
    };
    let (routes, _) = routes.split_for_parts();
    let routes = routes
        .fallback(unknown_path)
        .method_not_allowed_fallback(method_not_allowed);
    let routes = middleware::around(routes, &live).with_state(live);
    // Paths are normalised before routing, hence outside of the router.
    let tidied = ServiceBuilder::new()
        .map_request(middleware::normalize_path)
        .service(routes);
    Router::new().fallback_service(tidied)
}

async fn unknown_path(request: Request) -> ApiError {
    discard_request(request).await;
    ApiError::UnknownPath
}
