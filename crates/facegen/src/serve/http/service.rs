//! The service that answers the requests of a connection.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::Response;
use axum::{BoxError, Router};
use tower::{Service, ServiceExt as _};

use super::connections::Permit;
use super::waiting::{Arriving, Leaving, Waiting};

/// The paths of health checks.
const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

/// The service of one connection.
#[derive(Clone)]
pub(super) struct Answers {
    api: Router,
    waiting: Arc<Waiting>,
    /// Whether the connection has a spare slot, for health checks only.
    spare: bool,
}

impl Answers {
    /// Answers requests with `api`.
    pub(super) fn new(api: Router, permit: &Permit) -> Self {
        Self {
            api,
            waiting: permit.waiting(),
            spare: permit.is_spare(),
        }
    }

    async fn answer(self, request: Request) -> Response {
        let waiting = Arc::clone(&self.waiting);
        let mut response = if self.spare && !HEALTH.contains(&request.uri().path()) {
            facegen_api::no_connection()
        } else {
            let arriving = |body| Body::new(Arriving::new(body, Arc::clone(&waiting)));
            let answered = self.api.oneshot(request.map(arriving)).await;
            answered.unwrap_or_else(|never| match never {})
        };
        if self.spare {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        response.map(|body| Body::new(Leaving::new(body, waiting)))
    }
}

impl<B> Service<axum::http::Request<B>> for Answers
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: axum::http::Request<B>) -> Self::Future {
        let answers = self.clone();
        let request = request.map(Body::new);
        Box::pin(async move { Ok(answers.answer(request).await) })
    }
}
