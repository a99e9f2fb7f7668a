//! The middleware around every request, in order.

mod cors;
mod headers;
mod legacy;
mod limits;
mod request_id;
mod tidy;
mod trace;

pub use headers::no_connection;
pub(crate) use limits::{answer_in_time, in_time};
pub(crate) use tidy::normalize_path;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use crate::call::RouterState;

/// Wraps the routes in their middleware, the outermost first. The body limit is
/// applied where bodies are read, so that its error has the usual body.
pub(crate) fn around(routes: Router<RouterState>, state: &RouterState) -> Router<RouterState> {
    let stack = ServiceBuilder::new()
        // Outermost: log lines need the id, and every response has it.
        .layer(from_fn(request_id::name))
        .layer(from_fn(headers::protect))
        // Outside of tracing, which reports the real status.
        .layer(from_fn_with_state(state.clone(), legacy::force_status_200))
        // Outside of the panic handler, so that it sees all responses.
        .layer(from_fn(trace::trace_request))
        // Outside of the panic handler, so that pages can read its response.
        .layer(from_fn_with_state(state.clone(), cors::share))
        // Innermost, except for the time limit of some routes: see the router.
        .layer(CatchPanicLayer::custom(limits::panicked));
    routes.layer(stack)
}
