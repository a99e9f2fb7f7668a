//! `/openapi.json`.

use axum::http::Method;
use insta::assert_json_snapshot;
use serde_json::Value;

use crate::server::{TestServer, request};

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_what_it_was() {
    let server = TestServer::start().await;
    let document = server.get("/openapi.json").await.ok();
    assert_eq!(
        document,
        serde_json::to_value(facegen_api::openapi()).unwrap()
    );
    assert_json_snapshot!(document);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_path_has_exactly_the_described_methods() {
    let server = TestServer::start().await;
    let document = server.get("/openapi.json").await.ok();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            let described = !item[method.as_str().to_ascii_lowercase()].is_null();
            let answer = server.send(request(method.clone(), path, "")).await;
            assert_eq!(answer.status != 405, described, "{method} {path}");
            let message = serde_json::from_slice::<Value>(&answer.bytes).unwrap_or_default();
            assert_ne!(message["message"], "Path not found", "{method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_description_is_self_contained() {
    let server = TestServer::start().await;
    let moved = server.get("/docs").await;
    assert_eq!(moved.status, 307);
    let index = server.get(moved.header("location")).await;
    assert_eq!(index.header("content-type"), "text/html");
    let html = str::from_utf8(&index.bytes).unwrap();
    let mut files = 0;
    for attribute in ["href=\"", "src=\""] {
        for link in html.split(attribute).skip(1) {
            let link = link.split('"').next().unwrap();
            let name = link.trim_start_matches("./");
            assert!(!name.contains(':') && !name.starts_with('/'), "{link}");
            assert_eq!(
                server.get(&format!("/docs/{name}")).await.status,
                200,
                "{link}"
            );
            files += 1;
        }
    }
    assert!(files >= 4, "{files} files");
    let begin = server.get("/docs/swagger-initializer.js").await;
    assert!(
        str::from_utf8(&begin.bytes)
            .unwrap()
            .contains("/openapi.json")
    );
    assert_eq!(
        server.get("/docs/nothing.js").await.error(404),
        "File not found"
    );
}
