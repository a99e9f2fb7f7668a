//! Requests that are sent again.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Method;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::server::{Builder, FACE_BASE64, MAKE_GEN, TestServer, request};

async fn send(server: &TestServer, name: &str, fields: &Value) -> Answer {
    let body = server.request_with(fields);
    let mut request = request(Method::POST, MAKE_GEN, body.to_string());
    let name = name.parse().unwrap();
    request.headers_mut().insert("idempotency-key", name);
    server.send(request).await
}

async fn jobs(server: &TestServer) -> usize {
    let list = server
        .call(Method::GET, "/v1/jobs?limit=100", &server.key)
        .await;
    list.ok()["items"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_equal_requests_make_one_job_and_get_one_answer() {
    let server = TestServer::start().await;
    let fields = json!({"seed": null, "face_image": FACE_BASE64});
    let answers = join_all((0..100).map(|_| send(&server, "once", &fields))).await;
    let bodies: BTreeSet<_> = answers.iter().map(|answer| answer.bytes.clone()).collect();
    assert_eq!(bodies.len(), 1);
    assert_eq!(answers[0].ok()["status"], "success");
    assert_eq!(jobs(&server).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_request_with_the_same_key_is_refused_for_a_day() {
    let server = TestServer::start().await;
    let first = send(&server, "name", &json!({})).await.ok();
    for fields in [
        json!({"seed": 1}),
        json!({"seed": null}),
        json!({"face_image": FACE_BASE64}),
    ] {
        assert_eq!(
            send(&server, "name", &fields).await.error(409),
            "Idempotency-Key was used for another request in the last 24 hours"
        );
    }
    assert_eq!(send(&server, "name", &json!({})).await.ok(), first);
    let theirs = json!({"key": server.other_key});
    assert_ne!(send(&server, "name", &theirs).await.ok()["id"], first["id"]);
    server.clock.advance(Duration::from_hours(24));
    let later = send(&server, "name", &json!({"seed": 1})).await.ok();
    assert_ne!(later["id"], first["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_requests_are_not_remembered() {
    let server = TestServer::start().await;
    send(&server, "wrong", &json!({"samples": 50}))
        .await
        .error(400);
    send(&server, "wrong", &json!({})).await.ok();
    let long = "n".repeat(256);
    assert_eq!(
        send(&server, &long, &json!({})).await.error(400),
        "Idempotency-Key must be 1 to 255 printable ASCII characters"
    );
    assert_eq!(jobs(&server).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_still_answers_repeated_requests() {
    let mut builder = Builder::new().closed();
    builder.queue_limit = 1;
    let server = builder.start().await;
    let first = send(&server, "first", &json!({})).await.ok();
    while send(&server, "fill", &json!({})).await.status == 429 {}
    while server.make_gen(&json!({})).await.status == 200 {}
    assert_eq!(
        send(&server, "first", &json!({})).await.ok()["id"],
        first["id"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_images_are_not_promised_again() {
    let mut builder = Builder::new();
    builder.keep_images = Duration::from_hours(1);
    let server = builder.start().await;
    let first = send(&server, "name", &json!({})).await.ok();
    server.clock.advance(Duration::from_hours(1));
    let again = send(&server, "name", &json!({})).await;
    assert_eq!(
        again.error(404),
        server.fetch(&first["id"]).await.error(404)
    );
    assert_eq!(jobs(&server).await, 1);
}
