//! `/temp`: the images themselves.

use axum::http::Method;
use serde_json::json;

use crate::server::{TestServer, request};

async fn image(server: &TestServer) -> String {
    let body = server.make_gen(&json!({})).await.ok();
    let link = body["output"][0].as_str().unwrap();
    link.strip_prefix("http://faces.test").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn images_come_with_their_type_and_for_every_page() {
    let server = TestServer::start().await;
    let path = image(&server).await;
    let answer = server.get(&path).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.bytes.as_ref(), b"64x64");
    let name = path.strip_prefix("/temp/").unwrap();
    for (header, value) in [
        ("content-type", "image/png"),
        ("access-control-allow-origin", "*"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, max-age=300"),
        (
            "content-disposition",
            &format!("inline; filename=\"{name}\""),
        ),
    ] {
        assert_eq!(answer.header(header), value, "{header}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_returns_the_length_without_a_body() {
    let server = TestServer::start().await;
    let path = image(&server).await;
    let answer = server.send(request(Method::HEAD, &path, "")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-length"), "5");
    assert!(answer.bytes.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_may_send_preflight_requests() {
    let server = TestServer::start().await;
    let mut preflight = request(Method::OPTIONS, &image(&server).await, "");
    let headers = preflight.headers_mut();
    headers.insert("origin", "https://page.example".parse().unwrap());
    headers.insert("access-control-request-method", "GET".parse().unwrap());
    headers.insert("access-control-request-headers", "x-own".parse().unwrap());
    let answer = server.send(preflight).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-methods"), "GET,HEAD");
    assert_eq!(answer.header("access-control-allow-headers"), "*");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_names_are_not_found() {
    let server = TestServer::start().await;
    let path = image(&server).await;
    let unknown = "/temp/8c3ef6ea-1c44-4d69-91cb-fc11971a65d1-0.png";
    for other in [
        unknown.to_owned(),
        path.replace("-0.png", "-1.png"),
        path.replace("-0.png", "-0.base64"),
        path.to_uppercase()
            .replace("/TEMP", "/temp")
            .replace(".PNG", ".png"),
        path.replace("/temp/", "/temp/..%2f"),
        String::from("/temp/jobs.sqlite"),
        String::from("/temp/%ff"),
    ] {
        let answer = server.get(&other).await;
        assert_eq!(answer.error(404), "File not found", "{other}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_only_read() {
    let server = TestServer::start().await;
    let path = image(&server).await;
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let answer = server.send(request(method, &path, "")).await;
        assert_eq!(answer.error(405), "Method not allowed");
        assert_eq!(answer.header("allow"), "GET,HEAD");
    }
    assert_eq!(server.get(&path).await.status, 200);
}
