//! The list of routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::cors::{Any, CorsLayer};

use crate::body::{BodyBudget, discard_request};
use crate::call::Live;
use crate::family::Family;
use crate::handlers::{buckets, control, fetch, files, make_gen, operations, v1};
use crate::{ApiConfig, ApiError, ApiState};
use crate::{middleware, page};

/// Where some clients ask for pictures of whatever kind.
const V6_IMAGES: &str = "/api/v6/images";

/// Everything that the server answers, for the binary and for tests.
pub fn router(state: ApiState) -> Router {
    let ApiConfig {
        body_budget_bytes,
        max_body_bytes,
        max_event_streams,
        ..
    } = state.settings.get().config;
    let live = Live {
        api: state,
        bodies: Arc::new(BodyBudget::new(body_budget_bytes, max_body_bytes)),
        streams: Arc::new(Semaphore::new(max_event_streams)),
    };
    let routes = Router::new()
        .merge(make_gen_route())
        .merge(quick_routes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(method_not_allowed);
    let routes = middleware::around(routes, &live).with_state(live);
    // Paths are tidied before routing, hence outside of the router.
    let tidied = ServiceBuilder::new()
        .map_request(middleware::tidy_path)
        .service(routes);
    Router::new().fallback_service(tidied)
}

/// The request for pictures. It limits its time itself, because it may wait for
/// pictures, and must not be cut off once its job is taken in.
fn make_gen_route() -> Router<Live> {
    let mut routes = Router::new();
    for family in Family::ALL {
        for name in family.generations() {
            let path = format!("{}/{name}", family.base());
            routes = routes.route(&path, post(make_gen::make_gen));
        }
    }
    routes
}

/// Everything that can be given up at any moment.
fn quick_routes() -> Router<Live> {
    Router::new()
        .merge(fetch_routes())
        .merge(control_routes())
        .merge(bucket_routes())
        .merge(file_routes())
        .merge(operations_routes())
        .merge(v1_routes())
        .layer(from_fn(middleware::answer_in_time))
}

/// The question after pictures, in all its documented forms.
fn fetch_routes() -> Router<Live> {
    let by_body = || post(fetch::by_body);
    let by_path = || post(fetch::by_path).get(fetch::by_path);
    let mut routes = Router::new().route("/api/v1/enterprise/fetch", by_body());
    for base in Family::ALL.map(Family::base).into_iter().chain([V6_IMAGES]) {
        routes = routes
            .route(&format!("{base}/fetch"), by_body())
            .route(&format!("{base}/fetch/{{id}}"), by_path());
    }
    routes
}

/// What callers tell a server of their own.
fn control_routes() -> Router<Live> {
    let mut routes = Router::new();
    for family in Family::ALL
        .into_iter()
        .filter(|family| family.has_control())
    {
        let path = |name| format!("{}/{name}", family.base());
        routes = routes
            .route(&path("clear_cache"), post(control::clear_cache))
            .route(&path("clear_queue"), post(control::clear_queue))
            .route(&path("restart_server"), post(control::restart_server))
            .route(&path("system_details"), post(control::system_details))
            .route(&path("update_server"), post(control::update_server))
            // What clients call it.
            .route(&path("update"), post(control::update_server));
    }
    routes
}

/// The bucket that a key describes for its pictures.
fn bucket_routes() -> Router<Live> {
    let update = || post(buckets::update);
    Router::new()
        .route("/api/v1/enterprise/update_s3", update())
        .route("/api/v1/enterprise/update_s3_details", update())
        .route("/api/v1/enterprise/reset_s3", post(buckets::reset))
}

/// Pictures, for pages of any origin: who knows the name may see them.
fn file_routes() -> Router<Live> {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(Any);
    Router::new()
        .route("/temp/{file}", get(files::file))
        // Set before the layer, which answers preflights in its place.
        .method_not_allowed_fallback(method_not_allowed)
        .layer(cors)
}

/// What operators and their machines ask for.
fn operations_routes() -> Router<Live> {
    Router::new()
        .route("/", get(operations::index))
        .route("/page.css", get(page::style))
        .route("/page.js", get(page::script))
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::metrics))
}

/// What is ours beyond the documented API.
fn v1_routes() -> Router<Live> {
    Router::new()
        .route("/v1/jobs", get(v1::jobs::list))
        .route("/v1/jobs/{id}", get(v1::jobs::show).delete(v1::jobs::erase))
        .route("/v1/jobs/{id}/events", get(v1::events::events))
        .route("/v1/deliveries", get(v1::deliveries::list))
        .route("/v1/deliveries/{id}", get(v1::deliveries::show))
        .route("/v1/deliveries/{id}/replay", post(v1::deliveries::replay))
}

async fn unknown_path(request: Request) -> ApiError {
    discard_request(request).await;
    ApiError::UnknownPath
}

async fn method_not_allowed(request: Request) -> ApiError {
    discard_request(request).await;
    ApiError::MethodNotAllowed
}
