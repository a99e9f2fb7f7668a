//! What the log contains. That it contains no key, no prompt, no photo and no
//! link is checked at the end of every test of this program, see
//! [`crate::server::TestServer`]; these tests show that there was something to
//! check.

use axum::http::{HeaderValue, Method};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::captured_log::log;
use crate::server::{FACE_BASE64, MAKE_GEN, TestServer, request};

/// Returns the line about the answer to the request with this id.
fn line(name: &str) -> String {
    let log = log();
    let lines = log.lines().filter(|line| {
        line.contains(&format!("request_id=\"{name}\"")) && line.contains("milliseconds=")
    });
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].to_owned()
}

async fn named(server: &TestServer, name: &'static str, path: &str, body: &Value) -> Answer {
    let mut request = request(Method::POST, path, body.to_string());
    let value = HeaderValue::from_static(name);
    request.headers_mut().insert("x-request-id", value);
    server.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_has_one_line() {
    let server = TestServer::start().await;
    let fields = json!({ "face_image": FACE_BASE64 });
    let body = server.request_with(&fields);
    let answer = named(&server, "logged-success", MAKE_GEN, &body).await.ok();
    let success = line("logged-success");
    for part in [
        "INFO",
        "method=\"POST\"",
        "route=\"/api/v1/enterprise/face_gen/make_gen\"",
        "status=200",
        &format!("key={}", server.key_id.get()),
        &format!("job={}", answer["id"]),
    ] {
        assert!(success.contains(part), "{part} in {success}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_is_logged_with_its_reason() {
    let server = TestServer::start().await;
    let path = format!("{MAKE_GEN}?key={}", server.key);
    let body = server.request_with(&json!({"samples": 50}));
    named(&server, "logged-refusal", &path, &body)
        .await
        .error(400);
    let refusal = line("logged-refusal");
    for part in [
        "INFO",
        "status=400",
        "code=\"invalid_request\"",
        "samples must be between",
    ] {
        assert!(refusal.contains(part), "{part} in {refusal}");
    }
    let nothing = format!("/nothing/{}", server.key);
    named(&server, "logged-unmatched", &nothing, &body)
        .await
        .error(404);
    assert!(line("logged-unmatched").contains("route=\"unmatched\""));
}
