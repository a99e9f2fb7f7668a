//! What happens around every request, in order.
//!
//! | chapter | holds |
//! |---|---|
//! | [`tidy`] | paths with doubled or trailing slashes |
//! | [`request_id`] | the name of a request in logs |
//! | [`headers`] | what every answer says of itself |
//! | [`legacy`] | errors with status 200, for clients that read no other body |
//! | [`trace`] | one log line and the metrics of each request |
//! | [`limits`] | panics and answers that take too long |

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

/// The routes with everything around them, the outermost first. The limit of
/// bodies is where they are read, so that it can answer in the envelope.
pub(crate) fn around(routes: Router<RouterState>, state: &RouterState) -> Router<RouterState> {
    let stack = ServiceBuilder::new()
        // The log line needs the id, and every answer shows it.
        .layer(from_fn(request_id::name))
        .layer(from_fn(headers::protect))
        // Outside of what is logged and measured, which want the true status.
        .layer(from_fn_with_state(state.clone(), legacy::force_status_200))
        // Outside of what turns failures into answers, to see all answers.
        .layer(from_fn(trace::trace_request))
        // Innermost, but for the time limit of some routes: see the router.
        .layer(CatchPanicLayer::custom(limits::panicked));
    routes.layer(stack)
}
