//! `server.allow_origins`: calls by pages of other origins.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request};
use serde_json::json;

use crate::answer::Answer;
use crate::families::{controls, routes};
use crate::server::{Builder, FETCH, MAKE_GEN, TestServer, request};

const ORIGIN: &str = "https://app.example";
const OTHER: &str = "https://evil.example";

/// The calls that need an admin key.
const ADMIN_CALLS: [&str; 3] = ["/restart_server", "/update_server", "/update"];

async fn server() -> TestServer {
    let origins = vec![ORIGIN.to_owned(), "http://localhost:3000".to_owned()];
    let builder = Builder::new().with_config(|config| config.allow_origins = origins);
    builder.start().await
}

fn from_page(method: Method, path: &str, origin: &'static str, body: String) -> Request<Body> {
    let mut request = request(method, path, body);
    let headers = request.headers_mut();
    headers.insert("origin", HeaderValue::from_static(origin));
    request
}

fn preflight(path: &str, origin: &'static str, method: &'static str) -> Request<Body> {
    let mut request = from_page(Method::OPTIONS, path, origin, String::new());
    let headers = request.headers_mut();
    let method = HeaderValue::from_static(method);
    headers.insert("access-control-request-method", method);
    let names = HeaderValue::from_static("content-type,idempotency-key");
    headers.insert("access-control-request-headers", names);
    request
}

/// Returns the names of the response's headers about CORS, without `Vary`.
fn cors_headers(answer: &Answer) -> Vec<&str> {
    let names = answer.headers.keys().map(|name| name.as_str());
    names
        .filter(|name| name.starts_with("access-control-"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_no_page_may_call() {
    let server = TestServer::start().await;
    for path in routes() {
        let asked = server.send(preflight(&path, ORIGIN, "POST")).await;
        assert_eq!(asked.error(405), "Method not allowed", "{path}");
        let called = from_page(Method::POST, &path, ORIGIN, String::from("{}"));
        for answer in [asked, server.send(called).await] {
            assert_eq!(cors_headers(&answer), [""; 0], "{path}");
            assert_eq!(answer.header("vary"), "", "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_page_may_call_what_needs_no_admin_key() {
    let server = server().await;
    for path in routes() {
        let asked = server.send(preflight(&path, ORIGIN, "POST")).await;
        let body = json!({"key": "wrong"}).to_string();
        let called = from_page(Method::POST, &path, ORIGIN, body);
        let called = server.send(called).await;
        assert_eq!(called.error(401), "Invalid API key", "{path}");
        if ADMIN_CALLS.iter().any(|name| path.ends_with(name)) {
            assert_eq!(asked.error(405), "Method not allowed", "{path}");
            for answer in [asked, called] {
                assert_eq!(cors_headers(&answer), [""; 0], "{path}");
            }
            continue;
        }
        assert_eq!(asked.status, 204, "{path}");
        assert!(asked.bytes.is_empty(), "{path}");
        for answer in [asked, called] {
            let origin = answer.header("access-control-allow-origin");
            assert_eq!(origin, ORIGIN, "{path}");
            assert_eq!(answer.header("vary"), "origin", "{path}");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
    let admin_calls = controls();
    let is_admin = |path: &&String| ADMIN_CALLS.iter().any(|name| path.ends_with(name));
    assert_eq!(admin_calls.iter().filter(is_admin).count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_response_allows_what_clients_send() {
    let server = server().await;
    let paths = [
        MAKE_GEN,
        FETCH,
        "/v1/jobs",
        "/v1/jobs/1",
        "/v1/jobs/1/events",
    ];
    for (path, method) in paths
        .into_iter()
        .zip(["POST", "POST", "GET", "DELETE", "GET"])
    {
        for path in [path.to_owned(), format!("/{path}/")] {
            let answer = server.send(preflight(&path, ORIGIN, method)).await;
            assert_eq!(answer.status, 204, "{path}");
            let methods = answer.header("access-control-allow-methods");
            assert!(methods.split(", ").any(|name| name == method), "{methods}");
            let allowed = answer.header("access-control-allow-headers");
            for name in [
                "authorization",
                "content-type",
                "idempotency-key",
                "key",
                "last-event-id",
                "prefer",
            ] {
                assert!(allowed.split(", ").any(|allowed| allowed == name), "{name}");
            }
            assert_eq!(answer.header("access-control-max-age"), "600");
            assert!(!answer.header("x-request-id").is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_origins_get_no_headers_but_vary() {
    let server = server().await;
    for origin in [
        OTHER,
        "null",
        "*",
        "",
        "https://app.example/",
        "https://app.example:443",
        "https://APP.example",
        "http://app.example",
        "https://app.example.evil.example",
        "https://sub.app.example",
        "http://localhost:3001",
    ] {
        let asked = server.send(preflight(MAKE_GEN, origin, "POST")).await;
        assert_eq!(asked.error(405), "Method not allowed", "{origin}");
        let body = server.request().to_string();
        let called = server.send(from_page(Method::POST, MAKE_GEN, origin, body));
        let called = called.await;
        assert_eq!(called.status, 200, "{origin}");
        for answer in [asked, called] {
            assert_eq!(cors_headers(&answer), [""; 0], "{origin}");
            assert_eq!(answer.header("vary"), "origin", "{origin}");
        }
    }
    let made = server.make_gen(&json!({})).await;
    assert_eq!(made.header("vary"), "origin", "programs send no origin");
    assert_eq!(cors_headers(&made), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_can_read_errors_and_when_to_retry() {
    let server = server().await;
    for (method, path, body, status) in [
        (Method::POST, MAKE_GEN, "not json", 400),
        (Method::POST, MAKE_GEN, "{}", 401),
        (Method::PUT, MAKE_GEN, "", 405),
        // No preflight request, as it asks for no method.
        (Method::OPTIONS, MAKE_GEN, "", 405),
        (Method::GET, "/v1/jobs/1", "", 401),
    ] {
        let request = from_page(method, path, "http://localhost:3000", body.to_owned());
        let answer = server.send(request).await;
        assert_eq!(answer.status, status, "{path}");
        let origin = answer.header("access-control-allow-origin");
        assert_eq!(origin, "http://localhost:3000", "{path}");
        let readable = answer.header("access-control-expose-headers");
        assert!(readable.contains("retry-after"), "{path}: {readable}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_outside_of_the_api_are_as_before() {
    let server = server().await;
    for path in [
        "/",
        "/page/main.js",
        "/docs/index.html",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
        "/nothing",
        "/api/v1/nothing",
    ] {
        let get = from_page(Method::GET, path, ORIGIN, String::new());
        for request in [get, preflight(path, ORIGIN, "GET")] {
            let answer = server.send(request).await;
            assert_eq!(cors_headers(&answer), [""; 0], "{path}");
            assert_ne!(answer.status, 204, "{path}");
        }
    }
    for origin in [ORIGIN, OTHER] {
        let get = from_page(Method::GET, "/temp/nothing", origin, String::new());
        let answer = server.send(get).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_request_is_answered_204_also_for_clients_that_read_only_200() {
    let builder = Builder::new().with_config(|config| {
        config.allow_origins = vec![ORIGIN.to_owned()];
        config.legacy_http_200 = true;
    });
    let server = builder.start().await;
    let answer = server.send(preflight(MAKE_GEN, ORIGIN, "POST")).await;
    assert_eq!(answer.status, 204);
    let refused = server.send(preflight(MAKE_GEN, OTHER, "POST")).await;
    assert_eq!(refused.error(200), "Method not allowed");
    assert_eq!(cors_headers(&refused), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_list_applies_to_the_next_request() {
    let server = TestServer::start().await;
    for (origins, status) in [(vec![ORIGIN], 204), (vec![OTHER], 405), (vec![], 405)] {
        let mut settings = (*server.settings.get()).clone();
        settings.config.allow_origins = origins.into_iter().map(str::to_owned).collect();
        server.settings.set(settings);
        let answer = server.send(preflight(MAKE_GEN, ORIGIN, "POST")).await;
        assert_eq!(answer.status, status);
    }
}
