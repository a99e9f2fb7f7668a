//! Panics and answers that take too long become errors like any other.
//!
//! What has a time limit is what can be given up without a trace. A request for
//! images can be until it is handed to the job service; from there on its
//! caller must hear what became of it, because an error would only make the
//! caller send it again.

use std::any::Any;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::ApiError;
use crate::body::BODY_TIME;

/// How long may pass beyond the arrival of the body.
const WORKING_TIME: Duration = Duration::from_secs(30);

/// The answer when a handler panicked. The words of the panic may hold
/// anything, so nothing of them is told or logged.
pub(super) fn panicked(_payload: Box<dyn Any + Send>) -> Response {
    ApiError::Panicked.into_response()
}

/// Ends a handler that should have answered long ago.
pub(crate) async fn answer_in_time(request: Request, next: Next) -> Response {
    in_time(next.run(request))
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

/// What comes of `work`.
///
/// # Errors
/// It takes longer than any body and what is done with it should.
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
