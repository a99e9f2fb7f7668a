//! The limits of a key.

use std::time::Duration;

use facegen_core::{KeyLimits, OwnLimits};
use futures_util::future::join_all;
use serde_json::json;

use crate::families::UPLOADS;
use crate::server::{Builder, FACE_BASE64, TestServer};

/// Starts a server without an engine where each key may make so many requests a
/// minute and have so many waiting.
async fn limited(requests_per_minute: u32, queue_share: u32) -> TestServer {
    let mut builder = Builder::new().closed();
    builder.key_limits = KeyLimits {
        requests_per_minute,
        queue_share,
        ..KeyLimits::default()
    };
    builder.start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_a_limit_of_requests_per_minute() {
    let server = limited(5, 0).await;
    let fields = json!({});
    let answers = join_all((0..64).map(|_| server.make_gen(&fields))).await;
    let (taken, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(taken.len(), 5);
    for answer in refused {
        let message = "Rate limit exceeded. Maximum 5 requests per minute allowed.";
        assert_eq!(answer.error(429), message);
        assert_eq!(answer.json()["retry_after"], 60);
        assert_eq!(answer.header("retry-after"), "60");
    }
    let id = &taken[0].ok()["id"];
    assert_eq!(server.fetch(id).await.status, 200, "it may always fetch");
    let other = json!({"key": server.other_key});
    assert_eq!(server.make_gen(&other).await.status, 200);
    server.clock.advance(Duration::from_secs(59));
    assert_eq!(server.make_gen(&fields).await.json()["retry_after"], 1);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.make_gen(&fields).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_count_against_the_limit_of_requests() {
    let server = limited(3, 0).await;
    let sent = json!({"key": server.key, "init_image": FACE_BASE64});
    for route in UPLOADS {
        assert_eq!(server.post(route, &sent).await.status, 200);
    }
    assert_eq!(server.make_gen(&json!({})).await.status, 200);
    for route in UPLOADS {
        let message = "Rate limit exceeded. Maximum 3 requests per minute allowed.";
        assert_eq!(server.post(route, &sent).await.error(429), message);
    }
    let others = json!({"key": server.other_key, "init_image": FACE_BASE64});
    assert_eq!(server.post(UPLOADS[0], &others).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_count_as_well() {
    let server = limited(1, 0).await;
    let answer = server.make_gen(&json!({"width": 9_999})).await;
    assert_eq!(answer.status, 400);
    assert_eq!(server.make_gen(&json!({})).await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_a_limited_share_of_the_queue() {
    let server = limited(0, 3).await;
    let fields = json!({});
    let answers = join_all((0..64).map(|_| server.make_gen(&fields))).await;
    let (taken, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 200);
    // Up to five may have been claimed while the others were sent: one for the
    // engine, four for their photos to be fetched.
    assert!((3..=8).contains(&taken.len()), "{}", taken.len());
    for answer in refused {
        let message = "Rate limit exceeded. Maximum 3 queued requests allowed.";
        assert_eq!(answer.error(429), message);
        assert!(answer.json()["retry_after"].as_u64().unwrap() >= 1);
    }
    let other = json!({"key": server.other_key});
    assert_eq!(server.make_gen(&other).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_have_limits_of_its_own() {
    let server = limited(1, 0).await;
    let limits = OwnLimits {
        requests_per_minute: Some(2),
        queue_share: None,
    };
    let changed = server.jobs.keys().set_limits(server.key_id, limits).await;
    assert!(changed.unwrap().is_some());
    for (key, status) in [
        (&server.key, 200),
        (&server.key, 200),
        (&server.key, 429),
        (&server.other_key, 200),
        (&server.other_key, 429),
    ] {
        let answer = server.make_gen(&json!({ "key": key })).await;
        assert_eq!(answer.status, status);
    }
}
