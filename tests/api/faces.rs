//! `/v1/faces`: the faces of a photo, before anything is made of it.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::server::{Builder, FACE_BASE64, FACE_URL, TestServer};

const PATH: &str = "/v1/faces";

/// The photo in which the fake backend finds nothing: it begins with a zero.
const FACELESS: &str = "AGJsYWNr";

async fn find(server: &TestServer, photo: impl Into<Value>) -> Answer {
    let body = json!({"key": server.key, "face_image": photo.into()});
    server.post(PATH, &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn faces_are_found_without_a_job() {
    let server = TestServer::start().await;
    let expected = json!({
        "status": "success", "width": 32, "height": 32,
        "faces": [{"box": [8.0, 8.0, 24.0, 24.0], "score": 0.9}],
    });
    for photo in [
        FACE_BASE64.to_owned(),
        format!("data:image/jpeg;base64,{FACE_BASE64}"),
    ] {
        assert_eq!(find(&server, photo).await.ok(), expected);
    }
    assert_eq!(find(&server, FACELESS).await.ok()["faces"], json!([]));
    let jobs = server.call(Method::GET, "/v1/jobs", &server.key).await;
    assert_eq!(jobs.ok()["items"], json!([]));
    let counts = server.control.counts();
    assert_eq!((counts.searches, counts.admitted), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_photo_is_refused_at_its_field() {
    let server = TestServer::start().await;
    for (photo, rule) in [
        (Value::Null, "face_image is required"),
        (json!(7), "face_image must be a string"),
        (json!(FACE_URL), "face_image must be a data URI or base64"),
        (json!("YnJva2Vu"), "face_image is truncated or damaged"),
    ] {
        let refused = find(&server, photo).await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.json()["errors"]["face_image"], json!([rule]));
    }
    let keyless = server.post(PATH, &json!({"face_image": FACE_BASE64})).await;
    assert_eq!(keyless.error(401), "Invalid API key");
    assert_eq!(server.control.counts().searches, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_counts_against_the_limits_of_the_key() {
    let mut builder = Builder::new();
    builder.key_limits.requests_per_minute = 2;
    let server = builder.start().await;
    find(&server, FACE_BASE64).await.ok();
    find(&server, Value::Null).await.error(400);
    let refused = find(&server, FACE_BASE64).await;
    assert_eq!(refused.status, 429);
    assert_ne!(refused.header("retry-after"), "");
    assert_eq!(server.make_gen(&json!({})).await.status, 429);
    server.clock.advance(Duration::from_secs(61));
    find(&server, FACE_BASE64).await.ok();
}
