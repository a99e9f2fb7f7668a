//! `/api/v1/enterprise/face_gen/make_gen`: invalid requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use facegen_core::BackendError;
use facegen_core::fake::{FakeControl, Fault};
use serde_json::{Value, json};

use crate::server::{Builder, MAKE_GEN, TestServer};

/// Checks that the server still makes images.
async fn assert_goes_on(server: &TestServer) {
    assert_eq!(server.make_gen(&json!({})).await.ok()["status"], "success");
}

/// Sends each value in the field, and expects an error of that field alone.
async fn assert_refused(cases: &[(&str, Value, &str)]) {
    let server = TestServer::start().await;
    for (field, value, message) in cases {
        let answer = server.make_gen(&json!({ *field: value })).await;
        assert_eq!(answer.error(400), *message, "{field}: {value}");
        let errors = &answer.json()["errors"];
        assert_eq!(*errors, json!({ *field: [message] }));
    }
    assert_goes_on(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_texts_are_named_with_their_rule() {
    assert_refused(&[
        ("prompt", json!(null), "prompt is required"),
        ("prompt", json!(" "), "prompt is required"),
        ("prompt", json!(["a"]), "prompt must be a single value"),
        (
            "prompt",
            json!("a\u{0}b"),
            "prompt must not contain NUL characters",
        ),
        ("face_image", json!(null), "face_image is required"),
        ("face_image", json!(7), "face_image must be a string"),
        ("face_image", json!({}), "face_image must be a single value"),
        (
            "face_image",
            json!("!"),
            "face_image must be an http or https URL, a data URI or base64",
        ),
        (
            "face_image",
            json!("data:image/png;base64,A"),
            "face_image is not valid base64",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_out_of_range_are_named_with_their_range() {
    assert_refused(&[
        ("width", json!(63), "width must be between 64 and 768"),
        ("width", json!(769), "width must be between 64 and 768"),
        ("width", json!("wide"), "width must be a number"),
        ("height", json!(1e300), "height must be between 64 and 768"),
        (
            "num_inference_steps",
            json!(0),
            "num_inference_steps must be between 1 and 150",
        ),
        (
            "guidance_scale",
            json!(20.5),
            "guidance_scale must be between 0 and 20",
        ),
        ("s_scale", json!(true), "s_scale must be a number"),
        ("seed", json!(-1), "seed must be between 0 and 4294967295"),
        ("seed", json!(1.5), "seed must be a whole number"),
        (
            "seed",
            json!(4_294_967_296_u64),
            "seed must be between 0 and 4294967295",
        ),
        ("samples", json!(50), "samples must be between 1 and 2"),
        ("samples", json!(0), "samples must be between 1 and 2"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_choices_are_named_with_the_allowed_ones() {
    assert_refused(&[
        (
            "safety_checker",
            json!("maybe"),
            "safety_checker must be true or false",
        ),
        (
            "safety_checker_type",
            json!("censor"),
            "safety_checker_type must be one of blur, sensitive_content_text, pixelate, black",
        ),
        (
            "style",
            json!("cubist"),
            "style must be one of realistic, anime",
        ),
        (
            "style",
            json!("chibi"),
            "style must be one of realistic, anime",
        ),
        ("base64", json!("2"), "base64 must be true or false"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn track_ids_are_short_and_webhooks_are_urls() {
    assert_refused(&[
        ("webhook", json!(1), "webhook must be a string"),
        (
            "webhook",
            json!("receiver"),
            "webhook must be an http or https URL",
        ),
        (
            "webhook",
            json!("file:///etc/passwd"),
            "webhook must be an http or https URL",
        ),
        (
            "webhook",
            json!("http://"),
            "webhook must be an http or https URL",
        ),
        (
            "webhook",
            json!("https://\u{0}a"),
            "webhook must be an http or https URL",
        ),
        (
            "webhook",
            json!("https://receiver.example/\nforged"),
            "webhook must be an http or https URL",
        ),
        (
            "webhook",
            json!(format!("https://a/{}", "x".repeat(8_183))),
            "webhook must not be longer than 8192 bytes",
        ),
        (
            "track_id",
            json!("x".repeat(1_001)),
            "track_id must not be longer than 1000 bytes",
        ),
        ("track_id", json!([1]), "track_id must be a single value"),
        (
            "track_id",
            json!(u64::MAX),
            "track_id must fit into 64 bits, or be a string",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_errors_are_reported_at_once() {
    let server = TestServer::start().await;
    let body = json!({"key": server.key, "width": 9999, "height": 9999, "seed": -1, "samples": 50,
        "style": "cubist", "prompt": {}});
    let answer = server.post(MAKE_GEN, &body).await;
    let message = answer.error(400);
    let errors = answer.json()["errors"].clone();
    for (field, rule) in [
        ("prompt", "prompt must be a single value"),
        ("face_image", "face_image is required"),
        ("width", "width must be between 64 and 768"),
        ("height", "height must be between 64 and 768"),
        ("seed", "seed must be between 0 and 4294967295"),
        ("samples", "samples must be between 1 and 2"),
        ("style", "style must be one of realistic, anime"),
    ] {
        assert!(message.contains(rule), "{message}");
        assert_eq!(errors[field], json!([rule]));
    }
    assert_eq!(errors.as_object().unwrap().len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_too_large_is_refused_in_both_orientations() {
    let server = TestServer::start().await;
    for (width, height, status) in [(512, 768, 200), (768, 512, 200), (768, 768, 400)] {
        let answer = server
            .make_gen(&json!({"width": width, "height": height}))
            .await;
        assert_eq!(answer.status, status, "{}", answer.json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inline_file_that_is_no_photo_makes_no_job() {
    let server = TestServer::start().await;
    let text = STANDARD.encode("broken: just a text");
    let answer = server.make_gen(&json!({ "face_image": text })).await;
    assert_eq!(answer.error(400), "face_image is truncated or damaged");
    let errors = &answer.json()["errors"];
    assert_eq!(
        *errors,
        json!({"face_image": ["face_image is truncated or damaged"]})
    );
    assert_goes_on(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_larger_than_allowed_is_refused() {
    let builder = Builder::new().with_config(|config| config.max_face_bytes = 1_000);
    let server = builder.start().await;
    for (length, status) in [(1_000, 200), (1_001, 400)] {
        let face = STANDARD.encode(vec![b'x'; length]);
        let answer = server.make_gen(&json!({ "face_image": face })).await;
        assert_eq!(answer.status, status, "{length}");
    }
}

fn assert_failed(body: &Value, message: &str) {
    assert_eq!(body["status"], "failed", "{body}");
    assert_eq!(body["message"], message);
    assert_eq!(body["output"], json!([]));
    assert!(body["id"].as_u64().unwrap() >= 1);
    assert_eq!(body.as_object().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_without_a_face_is_a_failed_job_at_once_and_when_fetched() {
    let mut builder = Builder::new();
    builder.control = FakeControl::with_faults(|_| Some(Fault::Refused(BackendError::NoFace)));
    let server = builder.start().await;
    let body = server.make_gen(&json!({})).await.ok();
    assert_failed(&body, "No face detected in face_image");
    assert_eq!(server.fetch(&body["id"]).await.ok(), body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_that_cannot_be_fetched_is_a_failed_job() {
    let server = TestServer::start().await;
    let url = "https://photos.example/nothing.jpg";
    let body = server.make_gen(&json!({ "face_image": url })).await.ok();
    assert_failed(&body, "face_image cannot be fetched");
    assert_goes_on(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_sends_its_webhook() {
    let mut builder = Builder::new();
    builder.control = FakeControl::with_faults(|_| Some(Fault::Refused(BackendError::NoFace)));
    let server = builder.start().await;
    let fields = json!({"webhook": "https://receiver.example/", "track_id": "a"});
    let body = server.make_gen(&fields).await.ok();
    let (_, message) = server.next_webhook().await;
    let expected = json!({"status": "failed", "id": body["id"],
        "message": "No face detected in face_image", "track_id": "a"});
    assert_eq!(message, expected);
}
