//! Behaviour that is common to all routes.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::{HeaderValue, Method};
use serde_json::json;
use tower::ServiceExt as _;

use crate::families::routes;
use crate::server::{Builder, FACE_BASE64, FETCH, MAKE_GEN, TestServer, request, with_key};

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_are_answered_in_the_envelope() {
    let server = TestServer::start().await;
    for path in [
        "/nothing",
        "/api",
        "/api/v1/enterprise/face_gen",
        "/temp",
        "/temp/a/b",
        "/%ff",
    ] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let answer = server.send(request(method, path, "")).await;
            assert_eq!(answer.error(404), "Path not found", "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_methods_are_answered_with_the_allowed_ones() {
    let server = TestServer::start().await;
    for (method, path, allowed) in [
        (Method::GET, MAKE_GEN, "POST"),
        (Method::OPTIONS, MAKE_GEN, "POST"),
        (Method::PUT, FETCH, "POST"),
        (Method::GET, FETCH, "POST"),
        (Method::GET, "/api/v1/enterprise/fetch", "POST"),
        (
            Method::DELETE,
            "/api/v1/enterprise/face_gen/fetch/1",
            "GET,HEAD,POST",
        ),
        (Method::POST, "/", "GET,HEAD"),
        (Method::POST, "/readyz", "GET,HEAD"),
        (Method::from_bytes(b"BREW").unwrap(), "/metrics", "GET,HEAD"),
    ] {
        let answer = server.send(request(method, path, "")).await;
        assert_eq!(answer.error(405), "Method not allowed", "{path}");
        assert_eq!(answer.header("allow"), allowed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_slashes_do_not_matter() {
    let server = TestServer::start().await;
    let made = server.make_gen(&json!({})).await.ok();
    let id = &made["id"];
    for path in [
        String::from("//api//v1/enterprise/face_gen//make_gen/"),
        format!("{MAKE_GEN}/"),
        format!("{FETCH}/{id}/"),
        format!("/{FETCH}//{id}//?x=//"),
    ] {
        let body = server.request();
        assert_eq!(
            server.post(&path, &body).await.ok()["status"],
            "success",
            "{path}"
        );
    }
    let link = made["output"][0].as_str().unwrap();
    let path = link.strip_prefix("http://faces.test").unwrap();
    assert_eq!(server.get(&format!("/{path}")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_accepts_extra_slashes_and_post() {
    let server = TestServer::start().await;
    let made = server.make_gen(&json!({})).await.ok();
    assert_eq!(made["id"], 1);
    for path in routes() {
        let body = server.request_with(&json!({
            "key": server.admin_key, "request_id": 1,
            "endpoint_url": "https://storage.example", "region_name": "us-east-1",
            "aws_access_key_id": "AKIA1", "aws_secret_access_key": "hunter2",
            "image_directory": "pictures", "public_url": "https://cdn.example/pictures",
            "base64_string": FACE_BASE64,
        }));
        // No job was made with this key.
        let is_foreign = path.contains("fetch");
        for path in [path.clone(), format!("/{}//", path.replace('/', "//"))] {
            let answer = server.post(&path, &body).await;
            if is_foreign {
                assert_eq!(answer.error(404), "Request not found", "{path}");
            } else {
                assert_eq!(answer.status, 200, "{path}");
            }
        }
        let answer = server.send(request(Method::PUT, &path, "")).await;
        assert_eq!(answer.error(405), "Method not allowed", "{path}");
        let allowed = if path.ends_with("/1") {
            "GET,HEAD,POST"
        } else {
            "POST"
        };
        assert_eq!(answer.header("allow"), allowed, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_for_a_key_and_is_counted_by_its_template() {
    let server = TestServer::start().await;
    for path in routes() {
        let answer = server.post(&path, &json!({"key": "wrong"})).await;
        assert_eq!(answer.error(401), "Invalid API key", "{path}");
        let mut by_header = request(Method::POST, &path, "");
        let key = HeaderValue::from_str(&server.admin_key).unwrap();
        by_header.headers_mut().insert("key", key);
        assert_ne!(server.send(by_header).await.status, 401, "{path}");
    }
    let metrics = server.get("/metrics").await;
    let text = String::from_utf8(metrics.bytes.to_vec()).unwrap();
    for path in routes() {
        let template = match path.strip_suffix("/1") {
            Some(fetch) => format!("{fetch}/{{id}}"),
            None => path,
        };
        let labels = format!("{{route=\"{template}\",method=\"POST\",status=\"401\"");
        assert!(text.contains(&labels), "{labels}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_id_of_its_request() {
    let server = TestServer::start().await;
    let mut own = request(Method::GET, "/nothing", "");
    own.headers_mut()
        .insert("x-request-id", HeaderValue::from_static("my-own.name_1"));
    assert_eq!(
        server.send(own).await.header("x-request-id"),
        "my-own.name_1"
    );

    let mut strange = request(Method::GET, "/healthz", "");
    strange
        .headers_mut()
        .insert("x-request-id", HeaderValue::from_static("two words"));
    let first = server.send(strange).await;
    let second = server.get("/healthz").await;
    assert_eq!(first.header("x-request-id").len(), 36);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_cached_and_no_browser_guesses_its_type() {
    let mut builder = Builder::new().closed();
    builder.metrics = Arc::new(|| panic!("the inside of the server"));
    let server = builder.start().await;
    let id = server.make_gen(&json!({})).await.ok()["id"].clone();
    let mut answers = Vec::new();
    for path in [
        "/",
        "/page/page.css",
        "/page/main.js",
        "/page/nothing",
        "/docs",
        "/docs/index.html",
        "/docs/swagger-ui.css",
        "/docs/nothing",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
        "/nothing",
        MAKE_GEN,
        "/v1/jobs",
        "/v1/key",
        "/v1/deliveries",
        "/v1/jobs/99",
        "/temp/nothing",
    ] {
        answers.push(server.call(Method::GET, path, &server.key).await);
    }
    for path in [format!("/v1/jobs/{id}"), format!("{FETCH}/{id}")] {
        for key in [&server.key, &server.other_key, "wrong"] {
            answers.push(server.call(Method::GET, &path, key).await);
        }
    }
    for body in [json!({}), json!({"samples": 50}), json!({"key": "wrong"})] {
        answers.push(server.make_gen(&body).await);
    }
    for answer in &answers {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
        assert_eq!(
            answer.header("x-content-type-options"),
            "nosniff",
            "{answer:?}"
        );
    }
    let statuses: BTreeSet<u16> = answers
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    let expected = [200, 307, 400, 401, 404, 405, 500];
    assert_eq!(statuses, BTreeSet::from(expected));
    let stream = with_key(Method::GET, &format!("/v1/jobs/{id}/events"), &server.key);
    let stream = server.router.clone().oneshot(stream).await.unwrap();
    assert_eq!(stream.headers()["cache-control"], "no-store");
    server.control.open();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_host_gets_no_links() {
    let server = TestServer::start().await;
    for host in [None, Some("evil.example/path"), Some("user@evil.example")] {
        let mut request = request(Method::POST, MAKE_GEN, server.request().to_string());
        request.headers_mut().remove("host");
        if let Some(host) = host {
            request
                .headers_mut()
                .insert("host", HeaderValue::from_static(host));
        }
        request
            .headers_mut()
            .insert("x-forwarded-host", HeaderValue::from_static("evil.example"));
        let answer = server.send(request).await;
        assert_eq!(answer.error(400), "The Host header is missing or invalid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarded_headers_change_nothing() {
    let server = TestServer::start().await;
    let mut request = request(Method::POST, MAKE_GEN, server.request().to_string());
    let headers = request.headers_mut();
    headers.insert("x-forwarded-host", HeaderValue::from_static("evil.example"));
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    let body = server.send(request).await.ok();
    assert!(
        body["output"][0]
            .as_str()
            .unwrap()
            .starts_with("http://faces.test/temp/")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_an_error_without_internal_details() {
    let mut builder = Builder::new();
    builder.metrics = Arc::new(|| panic!("the inside of the server"));
    let server = builder.start().await;
    let answer = server.get("/metrics").await;
    assert_eq!(answer.error(500), "Internal Server Error");
    assert_eq!(answer.json().as_object().unwrap().len(), 2);
    assert!(!answer.header("x-request-id").is_empty());
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_read_only_200_can_be_served() {
    let builder = Builder::new().with_config(|config| config.legacy_http_200 = true);
    let server = builder.start().await;
    let unknown = server.fetch(&json!(77)).await;
    assert_eq!(unknown.error(200), "Request not found");
    assert_eq!(server.get(MAKE_GEN).await.error(200), "Method not allowed");
    for path in ["/api/v2/nothing", "/api/v1/enterprise//face_gen/"] {
        assert_eq!(server.get(path).await.error(200), "Path not found");
    }
    let wrong_key = server.post(MAKE_GEN, &json!({"key": "wrong"})).await;
    assert_eq!(wrong_key.error(200), "Invalid API key");
    let wrong_field = server.make_gen(&json!({"samples": 50})).await;
    assert_eq!(wrong_field.error(200), "samples must be between 1 and 2");

    server.jobs.drain();
    assert_eq!(server.get("/readyz").await.status, 503);
    assert_eq!(
        server.get("/temp/nothing").await.error(404),
        "File not found"
    );
    assert_eq!(server.get("/nothing").await.error(404), "Path not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_is_a_temporary_error_without_internal_details() {
    let server = TestServer::start().await;
    server.jobs.close().await;
    for answer in [
        server.make_gen(&json!({})).await,
        server.fetch(&json!(1)).await,
    ] {
        assert_eq!(
            answer.error(503),
            "Temporarily unavailable, try again later"
        );
        assert_eq!(answer.header("retry-after"), "10");
        assert_eq!(answer.json().as_object().unwrap().len(), 3);
    }
    assert_eq!(server.get("/healthz").await.status, 200);
}
