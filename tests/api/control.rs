//! `clear_cache`, `clear_queue`, `restart_server`, `system_details` and
//! `update_server`, under both enterprise paths.

use facegen_api::SystemStatus;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::families::controls;
use crate::server::{Builder, TestServer};

const FAMILIES: [&str; 2] = [
    "/api/v1/enterprise/face_gen",
    "/api/v1/enterprise/image_editing",
];

/// Returns the admin's answer, which must be the same under both paths.
async fn answer_of(server: &TestServer, name: &str) -> Value {
    let body = json!({"key": server.admin_key});
    let [first, second] = FAMILIES.map(|family| format!("{family}/{name}"));
    let first = server.post(&first, &body).await.ok();
    assert_eq!(server.post(&second, &body).await.ok(), first);
    first
}

/// Starts a server that works on one job, without end, and has claimed one ahead.
async fn busy() -> TestServer {
    let server = Builder::new().closed().start().await;
    let details = format!("{}/system_details", FAMILIES[0]);
    for _ in 0..2 {
        server.make_gen(&json!({})).await.ok();
        // Claimed, so that it does not wait any more.
        let body = json!({"key": server.key});
        while server.post(&details, &body).await.ok()["queue_time"] != 0 {
            tokio::task::yield_now().await;
        }
    }
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_answered_as_documented() {
    let server = TestServer::start().await;
    for name in [
        "clear_cache",
        "clear_queue",
        "restart_server",
        "system_details",
        "update_server",
        "update",
    ] {
        assert_json_snapshot!(name, answer_of(&server, name).await);
    }
    assert_eq!(server.control_calls.calls(), (2, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn system_details_are_current() {
    let config = Builder::new().closed();
    let config = config.with_config(|config| config.system_status = SystemStatus::Ok);
    let server = config.start().await;
    server.control_calls.load(8);
    let details = answer_of(&server, "system_details").await;
    let nothing = json!({"status": "ok", "model_count": 8, "queue_time": 0});
    assert_eq!(details, nothing);
    // At the guessed throughput of an engine that has not worked yet, ten
    // seconds each, including the running ones.
    for _ in 0..10 {
        let large = json!({"width": 512, "height": 512});
        server.make_gen(&large).await.ok();
    }
    let details = answer_of(&server, "system_details").await;
    assert_eq!(details["queue_time"], 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_key_clears_only_its_own_jobs() {
    let server = busy().await;
    let webhook = json!({"webhook": "https://receiver.example/hook", "track_id": 7});
    let mine = server.make_gen(&webhook).await.ok()["id"].clone();
    let other = server.request_with(&json!({"key": server.other_key}));
    let foreign = server.post(crate::server::MAKE_GEN, &other).await.ok()["id"].clone();
    let path = format!("{}/clear_queue", FAMILIES[0]);
    server.post(&path, &json!({"key": server.key})).await.ok();

    let cancelled = server.fetch(&mine).await.ok();
    assert_eq!(cancelled["status"], "failed");
    assert_eq!(cancelled["message"], "the request was cancelled");
    let (url, body) = server.next_webhook().await;
    assert_eq!(url, "https://receiver.example/hook");
    assert_eq!(body["status"], "failed");
    assert_eq!((&body["id"], &body["track_id"]), (&mine, &json!(7)));
    server.control.open();
    server.wait_for(&foreign).await;
    let body = json!({"key": server.other_key, "request_id": foreign});
    let answer = server.post(crate::server::FETCH, &body).await.ok();
    assert_eq!(answer["status"], "success");
    for id in [1, 2] {
        server.wait_for(&json!(id)).await;
        let answer = server.fetch(&json!(id)).await.ok();
        assert_eq!(answer["status"], "success", "running jobs continue");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_key_clears_the_jobs_of_all_keys() {
    let server = busy().await;
    let mut jobs = Vec::new();
    for key in [&server.key, &server.other_key] {
        let body = server.request_with(&json!({ "key": key }));
        let made = server.post(crate::server::MAKE_GEN, &body).await.ok();
        jobs.push((key, made["id"].clone()));
    }
    answer_of(&server, "clear_queue").await;
    for (key, id) in jobs {
        let body = json!({"key": key, "request_id": id});
        let answer = server.post(crate::server::FETCH, &body).await.ok();
        assert_eq!(answer["status"], "failed");
    }
    assert_eq!(
        server.fetch(&json!(1)).await.ok()["status"],
        "processing",
        "running jobs continue"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_key_restarts_and_updates() {
    let server = TestServer::start().await;
    for path in controls() {
        let answer = server.post(&path, &json!({"key": server.key})).await;
        if ["restart_server", "update_server", "update"]
            .iter()
            .any(|name| path.ends_with(name))
        {
            assert_eq!(answer.error(403), "This needs an admin key", "{path}");
            assert_eq!(answer.json().as_object().unwrap().len(), 2);
        } else {
            answer.ok();
        }
    }
    assert_eq!(server.control_calls.calls(), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_update_is_reported_without_internal_details() {
    let server = TestServer::start().await;
    server.control_calls.refuse();
    let path = format!("{}/update", FAMILIES[0]);
    let answer = server.post(&path, &json!({"key": server.admin_key})).await;
    assert_json_snapshot!("update_refused", answer.json());
    assert_eq!(answer.status, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_settings_apply_to_the_next_request() {
    let server = TestServer::start().await;
    let wrong = json!({"samples": 50});
    server.make_gen(&wrong).await.error(400);
    let mut settings = (*server.settings.get()).clone();
    settings.config.legacy_http_200 = true;
    settings.config.public_url = Some("https://faces.example".into());
    settings.config.max_body_bytes = 2_000_000_000;
    settings.config.body_budget_bytes = 3_000_000_000;
    settings.capabilities.styles.clear();
    server.settings.set(settings);
    server.make_gen(&wrong).await.error(200);
    let made = server.make_gen(&json!({})).await.ok();
    let link = made["output"][0].as_str().unwrap();
    assert!(link.starts_with("https://faces.example/"), "{link}");
    let refused = server.make_gen(&json!({"style": "anime"})).await;
    assert!(refused.error(200).starts_with("style"));
}
