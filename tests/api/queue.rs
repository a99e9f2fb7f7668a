//! A full queue.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::Method;
use facegen_core::redact::{FaceImage, SafeUrl};
use facegen_core::{FaceError, FaceReader, Photo, RgbImage};
use futures_util::future::join_all;
use serde_json::json;
use tower::ServiceExt;

use crate::answer::Answer;
use crate::server::{Builder, FACE_BASE64, MAKE_GEN, TestServer, request};

/// How many jobs are claimed ahead of the engine at most, for their photos to
/// be fetched.
const CLAIMED_AHEAD: usize = 4;

/// Starts a server that works on one job, without end, with this `queue_limit`.
async fn busy(queue_limit: u32) -> TestServer {
    let mut builder = Builder::new().closed();
    builder.queue_limit = queue_limit;
    let server = builder.start().await;
    assert_eq!(
        server.make_gen(&json!({})).await.ok()["status"],
        "processing"
    );
    let control = server.control.clone();
    let held = tokio::task::spawn_blocking(move || control.wait_until(|counts| counts.ticks == 1));
    assert!(held.await.unwrap());
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_answered_with_retry_after() {
    let server = busy(1).await;
    // A few may be claimed ahead of the engine, and one may wait.
    let mut answer = server.make_gen(&json!({})).await;
    for _ in 0..=CLAIMED_AHEAD {
        if answer.status == 200 {
            answer = server.make_gen(&json!({})).await;
        }
    }
    assert_eq!(
        answer.error(429),
        "Rate limit exceeded. Maximum 1 queued requests allowed."
    );
    let seconds = answer.json()["retry_after"].as_u64().unwrap();
    assert!(seconds >= 1);
    assert_eq!(answer.header("retry-after"), seconds.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_concurrent_requests_the_limit_is_accepted() {
    let server = busy(5).await;
    let fields = json!({});
    let answers = join_all((0..64).map(|_| server.make_gen(&fields))).await;
    let (accepted, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 200);
    for answer in &refused {
        let message = answer.error(429);
        assert_eq!(
            message,
            "Rate limit exceeded. Maximum 5 queued requests allowed."
        );
        assert!(!answer.header("retry-after").is_empty());
    }
    // A few may have been claimed ahead of the engine while the others came.
    let bounds = 5..=5 + CLAIMED_AHEAD;
    assert!(bounds.contains(&accepted.len()), "{}", accepted.len());

    server.control.open();
    for answer in accepted {
        let id = &answer.ok()["id"];
        server.wait_for(id).await;
        assert_eq!(server.fetch(id).await.ok()["status"], "success");
    }
}

/// Decodes when the test lets it.
#[derive(Debug)]
struct SlowReader {
    started: Arc<Barrier>,
    go_on: Arc<Barrier>,
}

#[async_trait]
impl FaceReader for SlowReader {
    async fn fetch(&self, _: &SafeUrl) -> Result<FaceImage, FaceError> {
        Err(FaceError::new("nothing is fetched here"))
    }

    fn decode(&self, _: &FaceImage) -> Result<Photo, FaceError> {
        self.started.wait();
        self.go_on.wait();
        RgbImage::new(32, 32, vec![0; 32 * 32 * 3])
            .map(Photo::from)
            .map_err(|error| FaceError::new(error.to_string()))
    }
}

#[tokio::test]
async fn an_accepted_job_is_never_answered_with_a_timeout() {
    let (started, go_on) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let mut builder = Builder::new().closed();
    builder.faces = Arc::new(SlowReader {
        started: Arc::clone(&started),
        go_on: Arc::clone(&go_on),
    });
    let server = builder.start().await;
    let body = server.request_with(&json!({ "face_image": FACE_BASE64 }));
    let request = request(Method::POST, MAKE_GEN, body.to_string());
    let sending = tokio::spawn(server.router.clone().oneshot(request));
    tokio::task::spawn_blocking(move || started.wait())
        .await
        .unwrap();
    // With the clock paused, only these calls advance time during the decoding.
    tokio::time::pause();
    tokio::time::advance(Duration::from_hours(1)).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    tokio::time::resume();
    tokio::task::spawn_blocking(move || go_on.wait())
        .await
        .unwrap();
    let response = sending.await.unwrap().unwrap();
    assert_eq!(Answer::read(response).await.ok()["status"], "processing");
}
