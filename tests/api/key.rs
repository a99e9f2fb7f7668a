//! What `/v1/key` says of a key.

use axum::http::{HeaderValue, Method};
use facegen_core::{KeyLimits, OwnLimits};
use serde_json::{Value, json};

use crate::server::{Builder, TestServer, request};

async fn show(server: &TestServer, key: &str) -> Value {
    server.call(Method::GET, "/v1/key", key).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_a_name_a_role_and_limits() {
    let mut builder = Builder::new().with_config(|config| config.event_streams_of_key = 3);
    builder.key_limits = KeyLimits {
        requests_per_minute: 60,
        queue_share: 0,
        upload_bytes: 1_000_000,
    };
    let server = builder.start().await;
    let limits = json!({
        "requests_per_minute": 60, "queue_share": null,
        "upload_bytes": 1_000_000, "event_streams": 3,
    });
    for (key, name, role) in [
        (&server.key, "first", "plain"),
        (&server.other_key, "second", "plain"),
        (&server.admin_key, "third", "admin"),
    ] {
        let body = json!({"status": "success", "name": name, "role": role, "limits": limits});
        assert_eq!(show(&server, key).await, body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn own_limits_of_a_key_come_before_those_of_the_server() {
    let mut builder = Builder::new();
    builder.key_limits.queue_share = 5;
    let server = builder.start().await;
    let own = OwnLimits {
        requests_per_minute: Some(7),
        queue_share: None,
    };
    let set = server.jobs.keys().set_limits(server.key_id, own).await;
    assert!(set.unwrap().is_some());
    let limits = &show(&server, &server.key).await["limits"];
    assert_eq!(limits["requests_per_minute"], 7);
    assert_eq!(limits["queue_share"], 5);
    let others = &show(&server, &server.other_key).await["limits"];
    assert_eq!(others["requests_per_minute"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_valid_key_in_a_header_is_shown() {
    let server = TestServer::start().await;
    let wrong = server.call(Method::GET, "/v1/key", "wrong").await;
    assert_eq!(wrong.error(401), "Invalid API key");
    server.get("/v1/key").await.error(401);
    let mut asked = request(Method::GET, "/v1/key", "");
    let bearer = format!("Bearer {}", server.key);
    let bearer = HeaderValue::from_str(&bearer).unwrap();
    asked.headers_mut().insert("authorization", bearer);
    let body = server.send(asked).await.ok();
    assert_eq!(body["role"], "plain");
    assert!(!body.to_string().contains(&server.key));
    assert!(server.jobs.keys().revoke(server.key_id).await.unwrap());
    let revoked = server.call(Method::GET, "/v1/key", &server.key).await;
    assert_eq!(revoked.error(401), "Invalid API key");
}
