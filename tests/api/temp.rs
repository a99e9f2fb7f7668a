//! `/temp`: the images themselves.

use axum::http::{HeaderValue, Method};
use serde_json::json;

use crate::answer::Answer;
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
        ("accept-ranges", "bytes"),
        ("content-length", "5"),
        ("etag", &format!("\"{name}\"")),
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

/// Requests a file with these headers.
async fn ask(
    server: &TestServer,
    method: &Method,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Answer {
    let mut request = request(method.clone(), path, "");
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().append(*name, value);
    }
    server.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_answered_with_its_bytes() {
    let server = TestServer::start().await;
    let path = image(&server).await;
    for (range, content_range, bytes) in [
        ("bytes=0-0", "bytes 0-0/5", "6"),
        ("bytes=0-4", "bytes 0-4/5", "64x64"),
        ("bytes=1-2", "bytes 1-2/5", "4x"),
        ("bytes=3-", "bytes 3-4/5", "64"),
        ("bytes=3-999", "bytes 3-4/5", "64"),
        ("bytes=-2", "bytes 3-4/5", "64"),
        ("bytes=-999", "bytes 0-4/5", "64x64"),
    ] {
        let answer = ask(&server, &Method::GET, &path, &[("range", range)]).await;
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(answer.header("content-range"), content_range, "{range}");
        let length = bytes.len().to_string();
        assert_eq!(answer.header("content-length"), length, "{range}");
        assert_eq!(answer.bytes.as_ref(), bytes.as_bytes(), "{range}");
        assert_eq!(answer.header("content-type"), "image/png");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-expose-headers"), "*");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_outside_of_the_file_is_refused_with_its_length() {
    let server = TestServer::start().await;
    let path = image(&server).await;
    for range in ["bytes=5-", "bytes=9-10", "bytes=3-2"] {
        let answer = ask(&server, &Method::GET, &path, &[("range", range)]).await;
        let message = "The range is outside of the file of 5 bytes";
        assert_eq!(answer.error(416), message, "{range}");
        assert_eq!(answer.header("content-range"), "bytes */5", "{range}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_file_is_sent_where_no_single_range_applies() {
    let server = TestServer::start().await;
    let path = image(&server).await;
    let tag = ask(&server, &Method::GET, &path, &[]).await;
    let tag = tag.header("etag");
    let weak = format!("W/{tag}");
    for headers in [
        &[("range", "bytes=0-1,3-4")][..],
        &[("range", "bytes=0-1, 99-100")],
        &[("range", "items=0-1")],
        &[("range", "bytes=x")],
        &[("range", "bytes=0-1"), ("if-range", "\"other\"")],
        &[("range", "bytes=0-1"), ("if-range", &weak)],
        &[
            ("range", "bytes=0-1"),
            ("if-range", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ],
        &[("range", "bytes=9-"), ("if-range", "\"other\"")],
        &[("if-range", tag)],
    ] {
        let answer = ask(&server, &Method::GET, &path, headers).await;
        assert_eq!(answer.status, 200, "{headers:?}");
        assert_eq!(answer.bytes.as_ref(), b"64x64", "{headers:?}");
        assert_eq!(answer.header("content-range"), "", "{headers:?}");
    }
    let same = [("range", "bytes=0-1"), ("if-range", tag)];
    let answer = ask(&server, &Method::GET, &path, &same).await;
    assert_eq!(answer.status, 206);
    assert_eq!(answer.bytes.as_ref(), b"64");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_the_client_has_is_not_sent_again() {
    let server = TestServer::start().await;
    let path = image(&server).await;
    let tag = ask(&server, &Method::GET, &path, &[]).await;
    let tag = tag.header("etag");
    let weak = format!("W/{tag}");
    let list = format!("\"other\", {tag}");
    for (headers, status) in [
        (&[("if-none-match", tag)][..], 304),
        (&[("if-none-match", &weak)], 304),
        (&[("if-none-match", &list)], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", tag), ("range", "bytes=0-1")], 304),
        (&[("if-none-match", tag), ("range", "bytes=9-")], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (
            &[("if-none-match", "\"other\""), ("if-none-match", tag)],
            304,
        ),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = ask(&server, &method, &path, headers).await;
            assert_eq!(answer.status, status, "{method} {headers:?}");
            assert_eq!(answer.header("etag"), tag);
            assert_eq!(answer.header("cache-control"), "private, max-age=300");
            assert_eq!(answer.header("content-length"), "5");
            assert_eq!(answer.header("access-control-allow-origin"), "*");
            let is_sent = status == 200 && method == Method::GET;
            assert_eq!(!answer.bytes.is_empty(), is_sent, "{method} {headers:?}");
        }
    }
    let gone = path.replace("-0.png", "-1.png");
    let any = [("if-none-match", "*")];
    let answer = ask(&server, &Method::GET, &gone, &any).await;
    assert_eq!(answer.error(404), "File not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn head_ignores_ranges() {
    let server = TestServer::start().await;
    let path = image(&server).await;
    for range in ["bytes=0-1", "bytes=9-"] {
        let answer = ask(&server, &Method::HEAD, &path, &[("range", range)]).await;
        assert_eq!(answer.status, 200, "{range}");
        assert_eq!(answer.header("content-length"), "5", "{range}");
        assert_eq!(answer.header("content-range"), "", "{range}");
        assert!(answer.bytes.is_empty(), "{range}");
    }
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
