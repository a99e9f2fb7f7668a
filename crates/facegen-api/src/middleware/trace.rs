//! One log line and the metrics of each request.
//!
//! The log line has the request's method, route template, id, key number and
//! job number, but no URL, header or body.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{counter, histogram};
use tracing::field::Empty;
use tracing::{Instrument, info, info_span, warn};

use super::request_id::RequestId;
use crate::error::Problem;

/// Runs the request in its span, then logs and counts it.
pub(super) async fn trace_request(request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    let route = extensions.get::<MatchedPath>().map_or_else(
        || String::from("unmatched"),
        |path| path.as_str().to_owned(),
    );
    let id = extensions
        .get::<RequestId>()
        .map_or_else(String::new, |id| id.0.clone());
    let method = method_name(request.method());
    let span = info_span!(
        "request",
        method,
        route,
        request_id = id,
        key = Empty,
        job = Empty
    );
    let started = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let duration = started.elapsed();
    span.in_scope(|| log(&response, duration));
    measure(route, method, response.status(), duration);
    response
}

fn log(response: &Response, duration: Duration) {
    let status = response.status().as_u16();
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    match response.extensions().get::<Problem>() {
        Some(Problem { code, detail }) if response.status().is_server_error() => {
            warn!(
                status,
                milliseconds,
                code = code.as_str(),
                detail,
                "request failed"
            );
        }
        Some(Problem { code, detail }) => {
            info!(
                status,
                milliseconds,
                code = code.as_str(),
                detail,
                "request refused"
            );
        }
        None => info!(status, milliseconds, "request answered"),
    }
}

fn measure(route: String, method: &'static str, status: StatusCode, duration: Duration) {
    let labels = [
        ("route", route),
        ("method", method.to_owned()),
        ("status", status.as_str().to_owned()),
    ];
    counter!("facegen_http_requests_total", &labels).increment(1);
    histogram!("facegen_http_request_duration_seconds", &labels).record(duration.as_secs_f64());
}

/// Returns the name of a method that a route may have. Others share one name,
/// as callers can make up any number of them.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
