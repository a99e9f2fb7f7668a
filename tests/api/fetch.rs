//! `/api/v1/enterprise/face_gen/fetch`.

use std::time::Duration;

use axum::http::Method;
use facegen_core::JobId;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::server::{Builder, FETCH, TestServer, request};

const ENTERPRISE_FETCH: &str = "/api/v1/enterprise/fetch";

async fn made(server: &TestServer) -> Value {
    server.make_gen(&json!({})).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fetch_gets_the_same_answer() {
    let server = TestServer::start().await;
    let made = made(&server).await;
    let (id, key) = (&made["id"], &server.key);
    let expected = json!({"status": "success", "id": id, "output": made["output"]});
    assert_eq!(server.fetch(id).await.ok(), expected);
    for path in [FETCH, ENTERPRISE_FETCH] {
        for body in [
            json!({"key": key, "request_id": id}),
            json!({"key": key, "request_id": id.to_string()}),
            json!({"key": key, "id": id}),
        ] {
            assert_eq!(
                server.post(path, &body).await.ok(),
                expected,
                "{path} {body}"
            );
        }
    }
    let mut get = request(Method::GET, &format!("{FETCH}/{id}"), "");
    get.headers_mut().insert("key", key.parse().unwrap());
    assert_eq!(server.send(get).await.ok(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn fetching_with_get_needs_the_key_in_a_header() {
    let server = TestServer::start().await;
    let id = made(&server).await["id"].clone();
    let path = format!("{FETCH}/{id}?key={}", server.key);
    assert_eq!(server.get(&path).await.error(401), "Invalid API key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_can_be_asked_for_as_soon_as_its_id_is_known() {
    let server = Builder::new().closed().start().await;
    let id = server.make_gen(&json!({})).await.ok()["id"].clone();
    let body = server.fetch(&id).await.ok();
    assert!(body["eta"].as_u64().unwrap() >= 1, "{body}");
    assert_json_snapshot!(body, { ".eta" => "[seconds]" });
    server.control.open();
    server.wait_for(&id).await;
    assert_eq!(server.fetch(&id).await.ok()["status"], "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_jobs_are_not_found() {
    let server = TestServer::start().await;
    for id in [
        "1",
        "0",
        "-1",
        "2147483648",
        "99999999999999999999",
        "abc",
        "1.5",
        "%ff",
        "%00",
    ] {
        let answer = server
            .post(&format!("{FETCH}/{id}"), &json!({"key": server.key}))
            .await;
        assert_eq!(answer.error(404), "Request not found", "{id}");
    }
    for id in [
        json!(1),
        json!(2_147_483_648_u32),
        json!(0),
        json!("99999999999999999999"),
    ] {
        let body = json!({"key": server.key, "request_id": id});
        assert_eq!(
            server.post(FETCH, &body).await.error(404),
            "Request not found",
            "{id}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_job_is_refused() {
    let server = TestServer::start().await;
    for (fields, message) in [
        (json!({}), "request_id is required"),
        (
            json!({"request_id": "abc"}),
            "request_id must be a whole number",
        ),
        (
            json!({"request_id": 1.5}),
            "request_id must be a whole number",
        ),
        (
            json!({"request_id": true}),
            "request_id must be a whole number",
        ),
        (
            json!({"request_id": [1]}),
            "request_id must be a single value",
        ),
        (json!({"id": "abc"}), "id must be a whole number"),
    ] {
        let mut body = fields;
        body["key"] = json!(server.key);
        assert_eq!(
            server.post(FETCH, &body).await.error(400),
            message,
            "{body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_is_reported_as_failed() {
    let server = Builder::new().closed().start().await;
    let id = server.make_gen(&json!({})).await.ok()["id"].clone();
    let number = u32::try_from(id.as_u64().unwrap()).unwrap();
    let job = JobId::new(number).unwrap();
    let cancelling = server.jobs.cancel(server.key_id, job);
    let (cancelled, ()) = tokio::join!(cancelling, async { server.control.open() });
    assert!(cancelled.unwrap().is_some());
    server.wait_for(&id).await;
    let body = server.fetch(&id).await.ok();
    assert_eq!(body["status"], "failed");
    assert_eq!(body["message"], "the request was cancelled");
    assert_eq!(body["output"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_deleted_after_a_day() {
    let server = TestServer::start().await;
    let made = made(&server).await;
    let link = made["output"][0].as_str().unwrap();
    let path = link.strip_prefix("http://faces.test").unwrap();

    server.clock.advance(Duration::from_hours(23));
    assert_eq!(server.fetch(&made["id"]).await.ok()["status"], "success");
    assert_eq!(server.get(path).await.status, 200);

    server.clock.advance(Duration::from_mins(61));
    let answer = server.fetch(&made["id"]).await;
    assert_eq!(answer.error(404), "images deleted after 24 hours");
    assert_eq!(server.get(path).await.error(404), "File not found");
}
