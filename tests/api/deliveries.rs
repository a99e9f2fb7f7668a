//! Webhooks, as their key sees them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::server::{TIMEOUT, TestServer};

async fn list(server: &TestServer, key: &str) -> Value {
    let answer = server.call(Method::GET, "/v1/deliveries", key).await;
    answer.ok()["items"].clone()
}

/// Waits until the only delivery was delivered.
async fn delivered(server: &TestServer) -> Value {
    let looking = async {
        loop {
            let item = list(server, &server.key).await[0].clone();
            if item["state"] == "delivered" {
                return item;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, looking).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_can_be_seen_and_replayed_by_its_key_alone() {
    let server = TestServer::start().await;
    let webhook = json!({"webhook": "https://receiver.example/hook?token=7b1f9c"});
    let made = server.make_gen(&webhook).await.ok();
    let first = server.next_webhook().await;
    let item = delivered(&server).await;
    assert_eq!(
        (&item["kind"], &item["job_id"]),
        (&json!("webhook"), &made["id"])
    );
    assert_eq!(
        (&item["attempts"], &item["last_error"]),
        (&json!(1), &Value::Null)
    );
    assert!(!item.to_string().contains("receiver.example"));

    let path = format!("/v1/deliveries/{}", item["id"].as_str().unwrap());
    let replay = format!("{path}/replay");
    for name in [path.clone(), String::from("/v1/deliveries/nothing")] {
        for (method, tail) in [(Method::GET, ""), (Method::POST, "/replay")] {
            let path = format!("{name}{tail}");
            let answer = server.call(method, &path, &server.other_key).await;
            assert_eq!(answer.error(404), "Delivery not found");
        }
    }
    assert_eq!(list(&server, &server.other_key).await, json!([]));
    assert_eq!(
        server.call(Method::GET, &path, &server.key).await.ok()["id"],
        item["id"]
    );

    server.jobs.drain();
    let again = server.call(Method::POST, &replay, &server.key).await.ok();
    assert_eq!(again["id"], item["id"]);
    assert_eq!(server.next_webhook().await, first);
    delivered(&server).await;
}
