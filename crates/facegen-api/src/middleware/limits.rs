//! Converts panics and timeouts into error responses.
//!
//! Only work that can be dropped without effect has a timeout. A request for
//! images has none once it is handed to the job service: an error would make
//! the caller submit it again.

use std::any::Any;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::ApiError;
use crate::body::BODY_TIME;

/// The time limit beyond that of the body.
const WORKING_TIME: Duration = Duration::from_secs(30);

/// Returns the response after a panic in a handler. The panic's message may
/// contain anything, so it is neither shown nor logged.
pub(super) fn panicked(_payload: Box<dyn Any + Send>) -> Response {
    ApiError::Panicked.into_response()
}

/// Limits the time of a handler.
pub(crate) async fn answer_in_time(request: Request, next: Next) -> Response {
    in_time(next.run(request))
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

/// Runs `work` within the time limit.
///
/// # Errors
/// Fails when `work` takes longer than a body and its handling should.
pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> Result<T, ApiError> {
    timeout(BODY_TIME + WORKING_TIME, work)
        .await
        .map_err(|_| ApiError::TooSlow)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_never_answers_is_ended() {
        let router = Router::new()
            .route("/", get(pending::<()>))
            .layer(from_fn(answer_in_time));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 503);
    }
}
