//! Multipart forms on every kind of route: the photo as a file.

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::answer::Answer;
use crate::families::{UPLOADS, routes};
use crate::form::{Form, form_request};
use crate::server::{Builder, FACE_BASE64, FETCH, MAKE_GEN, TIMEOUT, TestServer};

/// The photo as a file.
fn face() -> Vec<u8> {
    STANDARD.decode(FACE_BASE64).unwrap()
}

/// Returns the form of the smallest request, with the photo as a file.
fn form(server: &TestServer) -> Form {
    let fields = server.request_with(&json!({"face_image": null}));
    Form::of(&fields).file("face_image", &face())
}

async fn send_named(server: &TestServer, form: Form) -> Answer {
    let mut request = form.request(MAKE_GEN);
    let name = HeaderValue::from_static("once");
    request.headers_mut().insert("idempotency-key", name);
    server.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_as_a_file_makes_the_job_of_its_base64() {
    let server = TestServer::start().await;
    let file = send_named(&server, form(&server)).await.ok();
    assert_eq!(file["status"], "success");
    assert_eq!(file["meta"]["face_image"], "inline");
    assert_eq!(file["meta"]["width"], 64);
    let text = server.request_with(&json!({"face_image": FACE_BASE64}));
    // The same request: it makes no second job.
    assert_eq!(send_named(&server, Form::of(&text)).await.ok(), file);
    let text = server.make_gen(&json!({"face_image": FACE_BASE64})).await;
    assert_eq!(text.ok()["meta"]["face_image"], "inline");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_stored_by_either_route_under_either_name() {
    let server = TestServer::start().await;
    for route in UPLOADS {
        for name in ["base64_string", "init_image"] {
            let form = Form::of(&json!({"key": server.key})).file(name, &face());
            let body = server.send(form.request(route)).await.ok();
            assert_eq!(body["status"], "success", "{route} {name}");
            let form = Form::of(&json!({"key": server.key})).file(name, b"broken");
            let answer = server.send(form.request(route)).await;
            let message = format!("{name} is truncated or damaged");
            assert_eq!(answer.error(400), message);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_have_the_limits_and_errors_of_base64() {
    let builder = Builder::new().with_config(|config| config.max_face_bytes = 30);
    let server = builder.start().await;
    for (content, rule) in [
        (vec![], "is empty"),
        (vec![0; 31], "must not be longer than 0.00003 MB"),
        (b"broken".to_vec(), "is truncated or damaged"),
    ] {
        let as_text = format!("data:;base64,{}", STANDARD.encode(&content));
        let sent = json!({"key": server.key, "init_image": as_text});
        let form = Form::of(&json!({"key": server.key})).file("init_image", &content);
        let file = server.send(form.request(UPLOADS[1])).await;
        assert_eq!(file.error(400), format!("init_image {rule}"));
        assert_eq!(
            file.json(),
            server.post(UPLOADS[1], &sent).await.json(),
            "{rule}"
        );

        let text = server.make_gen(&json!({"face_image": as_text})).await;
        let fields = server.request_with(&json!({"face_image": null}));
        let form = Form::of(&fields).file("face_image", &content);
        let file = server.send(form.request(MAKE_GEN)).await;
        assert_eq!(file.error(400), format!("face_image {rule}"));
        assert_eq!(file.json(), text.json(), "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_reads_its_key_from_a_form() {
    let server = TestServer::start().await;
    let no_key = json!({"key": "wrong", "request_id": 1});
    for route in routes() {
        let answer = server.send(Form::of(&no_key).request(&route)).await;
        assert_eq!(answer.error(401), "Invalid API key", "{route}");
    }
    let id = server.send(form(&server).request(MAKE_GEN)).await.ok()["id"].clone();
    let named = json!({"key": server.key, "request_id": id});
    let body = server.send(Form::of(&named).request(FETCH)).await.ok();
    assert_eq!(body["id"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_errors_of_a_form_come_at_once_with_their_fields() {
    let server = TestServer::start().await;
    let form = form(&server)
        .text("seed", "1")
        .file("prompt", b"a")
        .file("init_image", b"a");
    let answer = server.send(form.request(MAKE_GEN)).await;
    assert_eq!(answer.status, 400);
    let errors = json!({
        "init_image": ["init_image must be the only file"],
        "prompt": ["prompt must not be repeated"],
        "seed": ["seed must not be repeated"],
    });
    assert_eq!(answer.json()["errors"], errors);
}

/// Returns a form that stops in its photo after `length` bytes of it, and a
/// receiver that reports when all of them were read.
fn half_sent(fields: &Value, length: usize) -> (Body, oneshot::Receiver<()>) {
    let whole = Form::of(fields)
        .file("face_image", &vec![0; length])
        .bytes();
    let start = Bytes::from(whole).slice(..length);
    let (taken, was_taken) = oneshot::channel();
    let start = stream::once(async move { Ok::<_, std::io::Error>(start) });
    let stall = stream::once(async move {
        // Polled only when all previous bytes have their permits.
        let _ = taken.send(());
        std::future::pending().await
    });
    (Body::from_stream(start.chain(stall)), was_taken)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_before_the_photo_has_its_own_share_of_memory() {
    let builder = Builder::new().with_config(|config| {
        config.max_body_bytes = 1_000_000;
        config.body_budget_bytes = 4_000_000;
    });
    let server = builder.start().await;
    let mut senders = Vec::new();
    for _ in 0..2 {
        let (body, was_taken) = half_sent(&json!({"prompt": "a"}), 800_000);
        let request = form_request(MAKE_GEN, "---a-boundary", body);
        senders.push(tokio::spawn(server.router.clone().oneshot(request)));
        timeout(TIMEOUT, was_taken).await.unwrap().unwrap();
    }
    let fields = server.request_with(&json!({"face_image": null}));
    let form = Form::of(&fields).file("face_image", &vec![0; 900_000]);
    let body = server.send(form.request(MAKE_GEN)).await.ok();
    assert_eq!(body["status"], "success");
    assert!(senders.iter().all(|sender| !sender.is_finished()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_over_the_limit_is_refused_in_the_envelope() {
    let server = TestServer::start().await;
    let form = Form::of(&server.request()).file("unknown", &vec![0; 20_000_000]);
    let answer = server.send(form.request(MAKE_GEN)).await;
    assert_eq!(answer.error(413), "The request body is larger than 16 MB");
    let form = form_of_unknown(&server, 15_000_000);
    assert_eq!(server.send(form.request(MAKE_GEN)).await.status, 200);
}

/// Returns the smallest request with an unknown file, which is ignored.
fn form_of_unknown(server: &TestServer, length: usize) -> Form {
    form(server).file("unknown", &vec![b'\r'; length])
}
