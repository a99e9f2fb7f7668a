//! Request bodies of every kind, on any route.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Method, Response};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::answer::Answer;
use crate::server::{Builder, FACE_URL, FETCH, MAKE_GEN, TIMEOUT, TestServer, request};

#[tokio::test(flavor = "multi_thread")]
async fn bodies_other_than_objects_are_invalid_requests() {
    let server = TestServer::start().await;
    let deep = format!("{{\"a\":{}", "[".repeat(10_000));
    let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for path in [MAKE_GEN, FETCH] {
        for body in [
            b"{".to_vec(),
            b"[]".to_vec(),
            b"[1,2]".to_vec(),
            b"\"text\"".to_vec(),
            b"key=1".to_vec(),
            b"{\"width\": NaN}".to_vec(),
            b"{} trailing".to_vec(),
            b"\xff\xfe".to_vec(),
            vec![b'['; 10_000],
            deep.clone().into_bytes(),
            utf16.clone(),
        ] {
            let answer = server.post_bytes(path, body).await;
            assert_eq!(answer.error(400), "Invalid API Request");
            let tip = answer.json()["tip"].as_str().unwrap().to_owned();
            assert!(tip.starts_with("1. Make sure you are passing Content-Type"));
            assert!(tip.contains(" Received: "), "{tip}");
        }
    }
    assert_eq!(server.make_gen(&json!({})).await.ok()["status"], "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_read_whatever_its_content_type() {
    let server = TestServer::start().await;
    let body = server.request().to_string();
    for content_type in [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "no/such; type",
    ] {
        let mut request = request(Method::POST, MAKE_GEN, format!("\u{feff}{body}"));
        let content_type = HeaderValue::from_static(content_type);
        request.headers_mut().insert("content-type", content_type);
        assert_eq!(server.send(request).await.ok()["status"], "success");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_are_read_as_well() {
    let server = TestServer::start().await;
    let (key, face) = (
        &server.key,
        FACE_URL.replace('?', "%3F").replace('=', "%3D"),
    );
    let form = format!(
        "key={key}&prompt=pretty+woman&face_image={face}&width=64&height=64&seed=7\
         &safety_checker=yes&track_id=1&unknown=1"
    );
    let mut request = request(Method::POST, MAKE_GEN, form);
    let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert("content-type", content_type);
    let meta = server.send(request).await.ok()["meta"].clone();
    assert_eq!(meta["prompt"], "pretty woman");
    assert_eq!(meta["face_image"], FACE_URL);
    assert_eq!(meta["seed"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_trimmed_unknown_ones_ignored_and_the_last_of_two_counts() {
    let server = TestServer::start().await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let body = format!(
        r#"{{"key":"wrong","prompt":"a"," key ":"{}","face_image":"{FACE_URL}","width":64,
            "height ":"64","seed":1,"seed":2,"unknown":{deep},"model_id":null}}"#,
        server.key
    );
    let body = server.post_bytes(MAKE_GEN, body.into_bytes()).await.ok();
    assert_eq!(body["meta"]["seed"], 2);
    assert_eq!(body["meta"]["height"], 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_in_the_envelope() {
    let server = TestServer::start().await;
    let answer = server.post_bytes(MAKE_GEN, vec![b' '; 20_000_000]).await;
    assert_eq!(answer.error(413), "The request body is larger than 16 MB");
    assert_eq!(answer.header("connection"), "close");
    assert_eq!(server.make_gen(&json!({})).await.ok()["status"], "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_over_the_limit_are_neither_kept_nor_read_for_ever() {
    let builder = Builder::new().with_config(|config| config.max_body_bytes = 1_000);
    let server = builder.start().await;
    let chunk = Bytes::from(vec![b'x'; 1_000_000]);
    let endless = stream::repeat(chunk).map(Ok::<_, std::io::Error>);
    let request = request(Method::POST, MAKE_GEN, Body::from_stream(endless));
    let answer = server.send(request).await;
    assert_eq!(
        answer.error(413),
        "The request body is larger than 1000 bytes"
    );
}

/// Returns a body that stops after `length` bytes without an end, and a
/// receiver that reports when all of them were read.
fn half_sent(length: usize) -> (Body, oneshot::Receiver<()>) {
    let (taken, was_taken) = oneshot::channel();
    let start = stream::once(async move { Ok::<_, std::io::Error>(vec![b' '; length]) });
    let stall = stream::once(async move {
        // Polled only when all previous bytes have their permits.
        let _ = taken.send(());
        std::future::pending().await
    });
    (Body::from_stream(start.chain(stall)), was_taken)
}

/// Sends as many half-sent bodies without a key as the server takes at once.
async fn strangers(server: &TestServer) -> Vec<JoinHandle<Response<Body>>> {
    let mut senders = Vec::new();
    for _ in 0..2 {
        let (body, was_taken) = half_sent(800_000);
        let router = server.router.clone();
        let request = request(Method::POST, MAKE_GEN, body);
        let sending = async move { router.oneshot(request).await.unwrap() };
        senders.push(tokio::spawn(sending));
        timeout(TIMEOUT, was_taken).await.unwrap().unwrap();
    }
    senders
}

async fn server_for_two_strangers() -> TestServer {
    let builder = Builder::new().with_config(|config| {
        config.max_body_bytes = 1_000_000;
        config.body_budget_bytes = 4_000_000;
    });
    builder.start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_bodies_without_a_key_take_no_permits_of_known_keys() {
    let server = server_for_two_strangers().await;
    let strangers = strangers(&server).await;
    assert_eq!(server.make_gen(&json!({})).await.ok()["status"], "success");
    let filler = "x".repeat(900_000);
    let fields = server.request().to_string();
    let early = format!(
        "{},\"unknown\":\"{filler}\"}}",
        fields.trim_end_matches('}')
    );
    server.post_bytes(MAKE_GEN, early.into()).await.ok();

    let late = format!("{}{fields}", " ".repeat(900_000));
    let mut with_header = request(Method::POST, MAKE_GEN, late);
    let key = server.key.parse().unwrap();
    with_header.headers_mut().insert("key", key);
    server.send(with_header).await.ok();
    assert!(strangers.iter().all(|sender| !sender.is_finished()));
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_bodies_are_dropped_for_new_ones() {
    let server = server_for_two_strangers().await;
    let strangers = strangers(&server).await;
    // The key is unknown until the whole body has arrived.
    let late = format!("{}{}", " ".repeat(900_000), server.request());
    server.post_bytes(MAKE_GEN, late.into()).await.ok();
    let mut statuses = Vec::new();
    for sender in strangers {
        let answer = Answer::read(timeout(TIMEOUT, sender).await.unwrap().unwrap()).await;
        assert_eq!(answer.header("connection"), "close");
        statuses.push(answer.status.as_u16());
    }
    assert!(statuses.contains(&503), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_does_not_take_the_permits_of_another() {
    let server = server_for_two_strangers().await;
    let mut senders = Vec::new();
    for _ in 0..2 {
        let (body, was_taken) = half_sent(800_000);
        let mut request = request(Method::POST, MAKE_GEN, body);
        let key = server.other_key.parse().unwrap();
        request.headers_mut().insert("key", key);
        senders.push(tokio::spawn(server.router.clone().oneshot(request)));
        timeout(TIMEOUT, was_taken).await.unwrap().unwrap();
    }
    let strangers = strangers(&server).await;
    let fields = server.request().to_string();
    let late = format!("{}{fields}", " ".repeat(900_000));
    server.post_bytes(MAKE_GEN, late.into()).await.ok();
    drop((senders, strangers));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_permit_of_a_body_is_released_after_its_answer() {
    let builder = Builder::new().with_config(|config| config.body_budget_bytes = 0);
    let server = builder.start().await;
    let large = format!("{}{}", " ".repeat(15_000_000), server.request());
    for _ in 0..3 {
        server.post_bytes(MAKE_GEN, large.clone().into()).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_an_error() {
    let server = TestServer::start().await;
    let broken = stream::iter([Ok(Bytes::from("{")), Err(std::io::Error::other("reset"))]);
    let request = request(Method::POST, MAKE_GEN, Body::from_stream(broken));
    assert_eq!(
        server.send(request).await.error(400),
        "The request body broke off"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_route_is_still_read() {
    let server = TestServer::start().await;
    for (path, status) in [("/nothing", 404), ("/healthz", 405)] {
        let read = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&read);
        let chunks = stream::repeat(Bytes::from_static(b"xxxxx")).take(10);
        let chunks = chunks.inspect(move |chunk| {
            counter.fetch_add(chunk.len(), Ordering::SeqCst);
        });
        let body = Body::from_stream(chunks.map(Ok::<_, std::io::Error>));
        server
            .send(request(Method::POST, path, body))
            .await
            .error(status);
        assert_eq!(read.load(Ordering::SeqCst), 50);
    }
}
