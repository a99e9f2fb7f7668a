//! The HTTP interface.
//!
//! A drop-in replacement for the documented `face_gen` endpoints: the routes,
//! the bodies and the errors are those that existing clients know. Nothing here
//! knows a tensor, a table or a bucket; [`facegen_jobs::JobService`] does the
//! work.
//!
//! | chapter | holds |
//! |---|---|
//! | [`state`] | [`ApiState`], what the binary gives the router |
//! | `routes` | the list of routes |
//! | [`mod@router`] | [`router()`](router::router), the routes with everything around them |
//! | `middleware` | what happens around every request, in order |
//! | `body` | bodies as they are sent, read into `RequestBody` |
//! | `auth` | the key of a request |
//! | `call` | one call of the documented API: its key, its body, its links |
//! | `flavor` | the same calls under several paths |
//! | `handlers` | one file for each kind of route |
//! | `wire` | the bodies of answers, key by key |
//! | `links` | the addresses in answers |
//! | `streams` | how many streams of events are open |
//! | `page` | what a browser shows at `/` |
//! | [`error`] | [`ApiError`], and the envelope in which callers see it |
//! | [`status`] | from [`ErrorCode`](facegen_core::ErrorCode) to HTTP status |
//! | [`mod@openapi`] | [`openapi()`](openapi::openapi), the description of all of this |
//! | [`webhook`] | [`webhook_body`], what receivers of webhooks get |

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
pub use router::router;
pub use state::{
    ApiConfig, ApiSettings, ApiState, Base64Output, Capabilities, MetricsRenderer, Readiness,
    ReadinessProbe, SafetyChecking, SystemStatus,
};
pub use webhook::webhook_body;
