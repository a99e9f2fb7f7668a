//! The list of routes.

use std::mem;

use axum::extract::Request;
use axum::http::Method;
use axum::middleware::from_fn;
use tower_http::cors::{Any, CorsLayer};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::ApiError;
use crate::body::discard_request;
use crate::call::RouterState;
use crate::flavor::ApiFlavor;
use crate::handlers::{
    base64_to_url, buckets, control, docs, fetch, files, make_gen, operations, page_key, v1,
};
use crate::{middleware, page};

/// The base path of some clients for images of any kind.
const V6_IMAGES: &str = "/api/v6/images";

/// Returns all routes, with the OpenAPI description of each handler. No route
/// is added in another way, so that all are described.
pub(crate) fn routes() -> OpenApiRouter<RouterState> {
    OpenApiRouter::new()
        .merge(make_gen_route())
        .merge(quick_routes())
}

/// Returns the route that makes images. It limits its time itself: it can wait
/// for images, and must not be cut off once its job is submitted.
fn make_gen_route() -> OpenApiRouter<RouterState> {
    let mut routes = OpenApiRouter::new();
    for flavor in ApiFlavor::ALL {
        for name in flavor.generations() {
            let path = format!("{}/{name}", flavor.base());
            routes = routes.routes(at(&path, routes!(make_gen::make_gen)));
        }
    }
    routes
}

/// Returns the routes that can be dropped at any moment.
fn quick_routes() -> OpenApiRouter<RouterState> {
    OpenApiRouter::new()
        .merge(fetch_routes())
        .merge(control_routes())
        .merge(bucket_routes())
        .merge(upload_routes())
        .merge(file_routes())
        .merge(operations_routes())
        .merge(v1_routes())
        .layer(from_fn(middleware::answer_in_time))
}

/// Returns the routes that fetch a job, in all their documented forms.
fn fetch_routes() -> OpenApiRouter<RouterState> {
    let by_body = || routes!(fetch::by_body);
    let mut routes = OpenApiRouter::new().routes(at("/api/v1/enterprise/fetch", by_body()));
    for base in ApiFlavor::ALL
        .map(ApiFlavor::base)
        .into_iter()
        .chain([V6_IMAGES])
    {
        let by_path = routes!(fetch::by_path);
        routes = routes
            .routes(at(&format!("{base}/fetch"), by_body()))
            .routes(at(&format!("{base}/fetch/{{id}}"), by_path));
    }
    routes
}

/// Returns the routes that control a dedicated server.
fn control_routes() -> OpenApiRouter<RouterState> {
    let mut routes = OpenApiRouter::new();
    for flavor in ApiFlavor::ALL
        .into_iter()
        .filter(|flavor| flavor.has_control())
    {
        let within = |name, route| at(&format!("{}/{name}", flavor.base()), route);
        routes = routes
            .routes(within("clear_cache", routes!(control::clear_cache)))
            .routes(within("clear_queue", routes!(control::clear_queue)))
            .routes(within("restart_server", routes!(control::restart_server)))
            .routes(within("system_details", routes!(control::system_details)))
            .routes(within("update_server", routes!(control::update_server)))
            // The name that clients use.
            .routes(within("update", routes!(control::update_server)));
    }
    routes
}

/// Returns the routes of a key's bucket.
fn bucket_routes() -> OpenApiRouter<RouterState> {
    OpenApiRouter::new()
        .routes(at("/api/v1/enterprise/update_s3", routes!(buckets::update)))
        .routes(at(
            "/api/v1/enterprise/update_s3_details",
            routes!(buckets::update),
        ))
        .routes(at("/api/v1/enterprise/reset_s3", routes!(buckets::reset)))
}

/// Returns the routes of uploads.
fn upload_routes() -> OpenApiRouter<RouterState> {
    let of_image_editing = format!("{}/base64_to_url", ApiFlavor::V6.base());
    OpenApiRouter::new()
        .routes(at(
            "/api/v6/base64_to_url",
            routes!(base64_to_url::base64_string),
        ))
        .routes(at(&of_image_editing, routes!(base64_to_url::init_image)))
}

/// Returns the route of image files, for pages of any origin: the name is the
/// secret.
fn file_routes() -> OpenApiRouter<RouterState> {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(Any)
        .expose_headers(Any);
    // The fallback comes before the layer, which answers preflight requests.
    let file = routes!(files::file).map(|file| file.fallback(method_not_allowed).layer(cors));
    OpenApiRouter::new().routes(at("/temp/{file}", file))
}

/// Returns the routes for operators.
fn operations_routes() -> OpenApiRouter<RouterState> {
    OpenApiRouter::new()
        .routes(at("/", routes!(operations::index)))
        .routes(at("/page/{file}", routes!(page::file)))
        .routes(at("/page/key", routes!(page_key::exchange)))
        .merge(health_routes())
        .routes(at("/openapi.json", routes!(operations::description)))
        .routes(at("/docs", routes!(docs::index)))
        .routes(at("/docs/{file}", routes!(docs::file)))
}

/// Returns the routes for supervisors, which every process has.
pub(crate) fn health_routes() -> OpenApiRouter<RouterState> {
    OpenApiRouter::new()
        .routes(at("/healthz", routes!(operations::healthz)))
        .routes(at("/readyz", routes!(operations::readyz)))
        .routes(at("/metrics", routes!(operations::metrics)))
}

/// Returns the routes below `/v1`, beyond the documented API.
fn v1_routes() -> OpenApiRouter<RouterState> {
    OpenApiRouter::new()
        .routes(at("/v1/key", routes!(v1::key::show)))
        .routes(at("/v1/faces", routes!(v1::faces::find)))
        .routes(at("/v1/jobs", routes!(v1::jobs::list)))
        .routes(at(
            "/v1/jobs/{id}",
            routes!(v1::jobs::show, v1::jobs::erase),
        ))
        .routes(at("/v1/jobs/{id}/events", routes!(v1::events::events)))
        .routes(at("/v1/deliveries", routes!(v1::deliveries::list)))
        .routes(at("/v1/deliveries/{id}", routes!(v1::deliveries::show)))
        .routes(at(
            "/v1/deliveries/{id}/replay",
            routes!(v1::deliveries::replay),
        ))
}

/// Mounts handlers at `path`. They declare none themselves, because some serve
/// several.
fn at(
    path: &str,
    (schemas, mut paths, methods): UtoipaMethodRouter<RouterState>,
) -> UtoipaMethodRouter<RouterState> {
    let items = mem::take(&mut paths.paths).into_values();
    // All handlers of one path declare the path "" and are already merged.
    paths.paths = items.map(|item| (path.to_owned(), item)).collect();
    (schemas, paths, methods)
}

pub(crate) async fn method_not_allowed(request: Request) -> ApiError {
    discard_request(request).await;
    ApiError::MethodNotAllowed
}
