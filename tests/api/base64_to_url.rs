//! `base64_to_url`: images that are sent to get a link.

use std::time::Duration;

use axum::http::Method;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::families::UPLOADS;
use crate::server::{Builder, FACE_BASE64, TestServer, request};

const NAMES: [&str; 2] = ["base64_string", "init_image"];
const DAY: Duration = Duration::from_hours(24);

/// Sends `text` with the first key.
async fn send(server: &TestServer, text: &str) -> Answer {
    let body = json!({"key": server.key, "base64_string": text});
    server.post(UPLOADS[0], &body).await
}

/// Returns the path of the link in an answer.
fn path(body: &Value) -> String {
    let link = body["output"][0].as_str().unwrap();
    link.strip_prefix("http://faces.test").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn either_field_name_works_on_both_routes() {
    let server = TestServer::start().await;
    let uri = format!("data:image/jpeg;base64,{FACE_BASE64}");
    let mut ids = 1..;
    for route in UPLOADS {
        for name in NAMES {
            for text in [FACE_BASE64, &uri] {
                let sent = json!({"key": server.key, name: text});
                let body = server.post(route, &sent).await.ok();
                let expected = json!({
                    "status": "success", "id": ids.next(), "output": body["output"],
                });
                assert_eq!(body, expected, "{route} {name}");
                assert_eq!(body["output"].as_array().unwrap().len(), 1);
                let path = path(&body);
                let prefix = path.strip_prefix("/temp/").unwrap();
                assert_eq!(prefix.len(), "-0.png".len() + 36, "{path}");
                let image = server.get(&path).await;
                assert_eq!(image.status, 200);
                assert_eq!(image.header("content-type"), "image/png");
                assert_eq!(image.bytes.as_ref(), b"32x32");
            }
        }
    }
    let form = format!(
        "key={}&init_image={}",
        server.key,
        FACE_BASE64.replace('=', "%3D")
    );
    let mut form = request(Method::POST, UPLOADS[0], form);
    let content_type = "application/x-www-form-urlencoded".parse().unwrap();
    form.headers_mut().insert("content-type", content_type);
    assert_eq!(server.send(form).await.ok()["id"], 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_field_name_takes_precedence() {
    let server = TestServer::start().await;
    for (route, own, other) in [
        (UPLOADS[0], NAMES[0], NAMES[1]),
        (UPLOADS[1], NAMES[1], NAMES[0]),
    ] {
        let both = json!({"key": server.key, own: FACE_BASE64, other: "no base64"});
        assert_eq!(server.post(route, &both).await.status, 200);
        let other = json!({"key": server.key, own: null, other: FACE_BASE64});
        assert_eq!(server.post(route, &other).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_images_are_refused_with_the_name_of_their_field() {
    let builder = Builder::new().with_config(|config| config.max_face_bytes = 30);
    let server = builder.start().await;
    let long = "A".repeat(44);
    for (value, rule) in [
        (json!("YnJva2Vu"), "is truncated or damaged"),
        (json!(long), "must not be longer than 0.00003 MB"),
        (json!("not base64"), "is not valid base64"),
        (json!("!"), "must be a data URI or base64"),
        (
            json!("https://a.example/b.png"),
            "must be a data URI or base64",
        ),
        (json!("data:text/plain,x"), "must be base64 in its data URI"),
        (json!("data:;base64,"), "is empty"),
        (json!(7), "must be a string"),
        (json!([FACE_BASE64]), "must be a single value"),
    ] {
        for (route, name) in [(UPLOADS[0], NAMES[1]), (UPLOADS[1], NAMES[0])] {
            let body = json!({"key": server.key, name: value});
            let answer = server.post(route, &body).await;
            let message = format!("{name} {rule}");
            assert_eq!(answer.error(400), message);
            assert_eq!(answer.json()["errors"], json!({name: [message]}));
        }
    }
    for (route, name) in UPLOADS.into_iter().zip(NAMES) {
        for value in [json!(null), json!(""), json!("null")] {
            let body = json!({"key": server.key, "base64_string": value, "init_image": value});
            let answer = server.post(route, &body).await;
            assert_eq!(answer.error(400), format!("{name} is required"));
        }
    }
    assert_eq!(
        send(&server, "AAAA").await.ok()["id"],
        1,
        "nothing was kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused() {
    let server = TestServer::start().await;
    let answer = server.post_bytes(UPLOADS[0], vec![b' '; 20_000_000]).await;
    assert_eq!(answer.error(413), "The request body is larger than 16 MB");
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_need_a_key_and_a_server_that_is_not_stopping() {
    let server = TestServer::start().await;
    for route in UPLOADS {
        for key in [json!("wrong"), json!(null)] {
            let body = json!({"key": key, "base64_string": FACE_BASE64});
            let answer = server.post(route, &body).await;
            assert_eq!(answer.error(401), "Invalid API key");
        }
    }
    server.jobs.drain();
    let answer = send(&server, FACE_BASE64).await;
    assert_eq!(answer.error(503), "The server is stopping, try again later");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_serves_its_file_until_it_expires() {
    let server = TestServer::start().await;
    let path = path(&send(&server, FACE_BASE64).await.ok());
    let head = server.send(request(Method::HEAD, &path, "")).await;
    assert_eq!(
        (head.status.as_u16(), head.header("content-length")),
        (200, "5")
    );
    for other in ["-1.png", "-0.base64"] {
        let other = path.replace("-0.png", other);
        assert_eq!(server.get(&other).await.error(404), "File not found");
    }
    server.clock.advance(DAY - Duration::from_millis(1));
    assert_eq!(server.get(&path).await.status, 200);
    server.clock.advance(Duration::from_millis(1));
    assert_eq!(server.get(&path).await.error(404), "File not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_uploads_of_a_revoked_key_stay_as_the_images_of_its_jobs() {
    let server = TestServer::start().await;
    let path = path(&send(&server, FACE_BASE64).await.ok());
    assert!(server.jobs.keys().revoke(server.key_id).await.unwrap());
    assert_eq!(send(&server, FACE_BASE64).await.status, 401);
    assert_eq!(server.get(&path).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_limited_space_for_uploads() {
    let mut builder = Builder::new();
    // Short files count as 0.1 MB.
    builder.key_limits.upload_bytes = 1_000_000;
    let server = builder.start().await;
    server.clock.advance(Duration::from_secs(1));
    let answers = join_all((0..32).map(|_| send(&server, FACE_BASE64))).await;
    let (kept, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(kept.len(), 10);
    for answer in refused {
        let message = "Rate limit exceeded. Maximum 1 MB of uploaded images allowed.";
        assert_eq!(answer.error(429), message);
        assert_eq!(answer.header("retry-after"), "86400");
    }
    let other = json!({"key": server.other_key, "init_image": FACE_BASE64});
    assert_eq!(server.post(UPLOADS[1], &other).await.status, 200);
    server.clock.advance(DAY - Duration::from_secs(1));
    assert_eq!(send(&server, FACE_BASE64).await.json()["retry_after"], 1);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(send(&server, FACE_BASE64).await.status, 200);
}
