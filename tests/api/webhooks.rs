//! The bodies of webhooks, as a whole.

use facegen_core::BackendError;
use facegen_core::JobId;
use facegen_core::fake::{FakeControl, Fault};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::server::{Builder, TestServer};

/// Requests an image, and returns the job's id.
async fn ask(server: &TestServer, track_id: Value) -> u32 {
    let url = "https://receiver.example/?secret=1";
    let fields = json!({"webhook": url, "track_id": track_id});
    let body = server.make_gen(&fields).await.ok();
    u32::try_from(body["id"].as_u64().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_success() {
    let server = TestServer::start().await;
    ask(&server, json!("video_001")).await;
    let (url, mut body) = server.next_webhook().await;
    assert_eq!(url, "https://receiver.example/?secret=1");
    let prefix = body["meta"]["file_prefix"].as_str().unwrap().to_owned();
    assert!(body["generationTime"].is_number());
    body["generationTime"] = json!("[seconds]");
    let body = body.to_string().replace(&prefix, "[prefix]");
    assert_json_snapshot!(serde_json::from_str::<Value>(&body).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_failure() {
    let mut builder = Builder::new();
    builder.control = FakeControl::with_faults(|_| Some(Fault::Refused(BackendError::NoFace)));
    let server = builder.start().await;
    ask(&server, json!(7)).await;
    assert_json_snapshot!(server.next_webhook().await.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_cancellation() {
    let server = Builder::new().closed().start().await;
    let id = JobId::new(ask(&server, Value::Null).await).unwrap();
    let job = server.jobs.cancel(server.key_id, id).await.unwrap();
    assert!(job.is_some());
    assert_json_snapshot!(server.next_webhook().await.1);
}
