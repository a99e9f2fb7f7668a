//! The HTTP interface.
//!
//! A drop-in replacement for the documented `face_gen` endpoints: routes,
//! bodies and errors are those that existing clients know. This crate knows no
//! tensors, tables or buckets; [`facegen_jobs::JobService`] does the work.
//!
//! | module | contents |
//! |---|---|
//! | [`state`] | [`ApiState`], what the binary passes to the router |
//! | `routes` | the list of routes |
//! | [`mod@router`] | [`router()`](router::router), routes with middleware |
//! | `middleware` | the middleware around every request |
//! | `body` | reading of request bodies into `RequestBody` |
//! | `auth` | authentication by API key |
//! | `call` | one call of the documented API: key, fields, base URL |
//! | `flavor` | the base paths of the documented API |
//! | `handlers` | the handlers, one file for each kind of route |
//! | `wire` | the bodies of responses |
//! | `links` | the URLs in responses |
//! | `streams` | the limit of open event streams |
//! | `page` | the page for browsers at `/` |
//! | [`error`] | [`ApiError`] and the body of error responses |
//! | [`status`] | from [`ErrorCode`](facegen_core::ErrorCode) to HTTP status |
//! | [`mod@openapi`] | [`openapi()`](openapi::openapi), the OpenAPI document |
//! | [`webhook`] | [`webhook_body`], the bodies of webhooks |

mod auth;
mod body;
mod call;
pub mod error;
mod flavor;
mod handlers;
mod links;
mod middleware;
pub mod openapi;
mod page;
mod response;
pub mod router;
mod routes;
pub mod state;
pub mod status;
mod streams;
pub mod webhook;
mod wire;

#[cfg(test)]
mod fixture;

pub use body::Received;
pub use error::ApiError;
pub use middleware::no_connection;
pub use openapi::openapi;
pub use router::{health_router, router};
pub use state::{
    ApiConfig, ApiSettings, ApiState, Base64Output, Capabilities, MetricsRenderer, Readiness,
    ReadinessProbe, SafetyChecking, SystemStatus,
};
pub use webhook::webhook_body;
