//! Keys, and what belongs to them.

use axum::http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use crate::server::{FETCH, MAKE_GEN, TestServer, request};

/// Returns the smallest request without its key.
fn keyless(server: &TestServer) -> Value {
    let mut body = server.request();
    body.as_object_mut().unwrap().remove("key");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused_before_anything_else() {
    let server = TestServer::start().await;
    let long = "k".repeat(1_000_000);
    for key in [
        json!("wrong"),
        json!(""),
        json!(null),
        json!(7),
        json!([server.key]),
        json!({"key": server.key}),
        json!(long),
        json!(server.key.to_uppercase()),
    ] {
        for path in [
            MAKE_GEN,
            FETCH,
            "/api/v1/enterprise/fetch",
            "/api/v1/enterprise/face_gen/fetch/1",
        ] {
            let body = json!({"key": key, "width": 9999, "request_id": "abc"});
            let answer = server.post(path, &body).await;
            assert_eq!(answer.error(401), "Invalid API key");
            let is_sent = key.as_str().is_some_and(|key| !key.is_empty());
            let names = if is_sent { 2 } else { 3 };
            let body = answer.json();
            assert_eq!(body.as_object().unwrap().len(), names, "{body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_key_is_reported_with_where_to_send_it() {
    let server = TestServer::start().await;
    let without = keyless(&server).to_string();
    let with = |key: &str| without.replacen('{', &format!("{{\"key\":{key},"), 1);
    let (json, form) = ("application/json", "application/x-www-form-urlencoded");
    for (content_type, header, body) in [
        (json, None, without.clone()),
        (json, None, with("\"\"")),
        (json, None, with("\"  \"")),
        (json, None, with("null")),
        (json, None, with("\"null\"")),
        (json, None, with("7")),
        (json, None, with("true")),
        (json, None, with("[\"hunter2\"]")),
        (json, None, with("{\"key\":\"hunter2\"}")),
        (json, None, String::new()),
        (
            json,
            None,
            without.replacen('{', "{\"api_key\":\"hunter2\",", 1),
        ),
        (json, Some(("key", "")), without.clone()),
        (
            json,
            Some(("authorization", "Basic aHVudGVyMg==")),
            without.clone(),
        ),
        (json, Some(("authorization", "hunter2")), without.clone()),
        (json, Some(("x-api-key", "hunter2")), without.clone()),
        (form, None, "prompt=a".to_owned()),
        (form, None, "key=&prompt=a".to_owned()),
    ] {
        let mut request = request(Method::POST, MAKE_GEN, body.clone());
        let headers = request.headers_mut();
        headers.insert("content-type", HeaderValue::from_static(content_type));
        if let Some((name, value)) = header {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let answer = server.send(request).await;
        assert_eq!(answer.error(401), "Invalid API key", "{body}");
        let tip = answer.json()["tip"].as_str().unwrap().to_owned();
        for part in [
            "No key was sent",
            "body",
            "header key",
            "Authorization",
            "Bearer",
        ] {
            assert!(tip.contains(part), "{body}: {tip}");
        }
    }
    let get = server.get(&format!("{FETCH}/1")).await;
    assert!(
        get.json()["tip"]
            .as_str()
            .unwrap()
            .starts_with("No key was sent")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_come_in_the_body_or_in_a_header() {
    let server = TestServer::start().await;
    let bearer = format!("Bearer {}", server.key);
    for (name, value) in [("key", &server.key), ("authorization", &bearer)] {
        let mut request = request(Method::POST, MAKE_GEN, keyless(&server).to_string());
        let name = HeaderName::from_static(name);
        request
            .headers_mut()
            .insert(name, HeaderValue::from_str(value).unwrap());
        assert_eq!(server.send(request).await.ok()["status"], "success");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_the_body_takes_precedence_over_a_header() {
    let server = TestServer::start().await;
    for (body_key, header_key, status) in [
        (server.key.as_str(), "wrong", 200),
        (server.key.as_str(), server.other_key.as_str(), 200),
        ("wrong", server.key.as_str(), 401),
        ("", server.key.as_str(), 200),
    ] {
        let body = server.request_with(&json!({ "key": body_key }));
        let mut request = request(Method::POST, MAKE_GEN, body.to_string());
        let value = HeaderValue::from_str(header_key).unwrap();
        request.headers_mut().insert("key", value);
        assert_eq!(server.send(request).await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_like_an_unknown_one() {
    let server = TestServer::start().await;
    assert_eq!(server.make_gen(&json!({})).await.status, 200);
    assert!(server.jobs.keys().revoke(server.key_id).await.unwrap());
    assert_eq!(
        server.make_gen(&json!({})).await.error(401),
        "Invalid API key"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_another_key_are_not_found() {
    let server = TestServer::start().await;
    let id = server.make_gen(&json!({})).await.ok()["id"].clone();
    let path = format!("{FETCH}/{id}");
    let other = json!({"key": server.other_key, "request_id": id});
    let foreign = server.post(&path, &other).await;
    assert_eq!(foreign.error(404), "Request not found");
    let unknown = server.post(&format!("{FETCH}/77"), &other).await;
    assert_eq!(foreign.bytes, unknown.bytes);
    assert_eq!(
        server.post(FETCH, &other).await.error(404),
        "Request not found"
    );
    assert_eq!(server.fetch(&id).await.ok()["status"], "success");
}
