//! `/`, `/healthz`, `/readyz` and `/metrics`.

use std::sync::{Arc, Mutex};

use axum::http::{HeaderValue, Method};
use facegen_api::{Readiness, SafetyChecking};
use serde_json::json;

use crate::server::{Builder, MAKE_GEN, TestServer, request};

#[tokio::test(flavor = "multi_thread")]
async fn the_root_describes_the_server() {
    let server = TestServer::start().await;
    let index = server.get("/").await.ok();
    assert_eq!(index["name"], "facegen");
    assert_eq!(index["styles"], json!(["realistic", "anime"]));
    assert_eq!(index["notice"], "the images are drawn");
    assert_eq!(index["preset"], "tiny");
    assert_eq!(index["dtype"], "f32");
    assert_eq!(index["steps"], json!([21, 31, 41]));
    let size = json!({
        "min_side": 64, "max_side": 768, "max_area": 512 * 768,
        "default_side": 512, "multiple_of": 8,
    });
    assert_eq!(index["size"], size);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_says_when_images_are_checked() {
    for (checking, word) in [
        (SafetyChecking::Absent, "absent"),
        (SafetyChecking::OnRequest, "on_request"),
        (SafetyChecking::Always, "always"),
    ] {
        let mut builder = Builder::new();
        builder.capabilities.safety_checking = checking;
        let index = builder.start().await.get("/").await.ok();
        assert_eq!(index["safety_checking"], word);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_shows_the_limits_that_requests_meet() {
    let limits = json!({
        "size": {"max_side": 512, "max_area": 512 * 512, "default_side": 256},
        "steps": [4, 8],
    });
    let mut builder = Builder::new();
    builder.capabilities.limits = serde_json::from_value(limits).unwrap();
    let server = builder.start().await;
    let index = server.get("/").await.ok();
    assert_eq!(index["steps"], json!([4, 8]));
    assert_eq!(index["size"]["default_side"], 256);
    let longest = &index["size"]["max_side"];
    assert_eq!(longest, 512);
    let sizes = json!({"width": longest, "height": longest});
    assert_eq!(server.make_gen(&sizes).await.ok()["meta"]["width"], 512);
    server.make_gen(&json!({"width": 520})).await.error(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_get_a_self_contained_page() {
    let server = TestServer::start().await;
    let mut asked = request(Method::GET, "/", "");
    let accept = HeaderValue::from_static("text/html,*/*;q=0.8");
    asked.headers_mut().insert("accept", accept);
    let page = server.send(asked).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.header("content-security-policy").contains("'none'"));
    let html = str::from_utf8(&page.bytes).unwrap();
    let mut files = 0;
    for attribute in ["href=\"", "src=\""] {
        for link in html.split(attribute).skip(1) {
            let link = link.split('"').next().unwrap();
            assert!(link.starts_with('/') || link == "data:,", "{link}");
            if link.starts_with("/page/") {
                files += 1;
                assert_eq!(server.get(link).await.status, 200, "{link}");
            }
        }
    }
    assert_eq!(files, 2);
    for (name, content_type) in [
        ("page.css", "text/css; charset=utf-8"),
        ("main.js", "text/javascript; charset=utf-8"),
        ("example.jpg", "image/jpeg"),
    ] {
        let file = server.get(&format!("/page/{name}")).await;
        assert_eq!(file.header("content-type"), content_type);
    }
    assert_eq!(
        server.get("/page/nothing").await.error(404),
        "File not found"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_server_while_health_stays() {
    let readiness = Arc::new(Mutex::new(Readiness::Ready));
    let mut builder = Builder::new();
    let probe = Arc::clone(&readiness);
    builder.readiness = Arc::new(move || probe.lock().unwrap().clone());
    let server = builder.start().await;
    for (state, status, body) in [
        (
            Readiness::Loading {
                component: String::from("unet"),
                loaded: 2,
                components: 8,
            },
            503,
            json!({"status": "loading", "component": "unet", "loaded": 2, "components": 8}),
        ),
        (Readiness::Ready, 200, json!({"status": "ready"})),
        (Readiness::Draining, 503, json!({"status": "draining"})),
        (
            Readiness::Broken {
                reason: String::from("no model"),
            },
            503,
            json!({"status": "broken", "reason": "no model"}),
        ),
    ] {
        *readiness.lock().unwrap() = state;
        let answer = server.get("/readyz").await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.json(), body);
        assert_eq!(server.get("/healthz").await.ok(), json!({"status": "ok"}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_accepted_while_models_load() {
    let mut builder = Builder::new().closed();
    builder.readiness = Arc::new(|| Readiness::Loading {
        component: String::from("unet"),
        loaded: 0,
        components: 8,
    });
    let server = builder.start().await;
    assert_eq!(server.get("/readyz").await.status, 503);
    let body = server.make_gen(&json!({})).await.ok();
    assert_eq!(body["status"], "processing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_server_accepts_no_jobs_and_still_answers() {
    let server = TestServer::start().await;
    let made = server.make_gen(&json!({})).await.ok();
    server.jobs.drain();
    let answer = server.make_gen(&json!({})).await;
    assert_eq!(answer.error(503), "The server is stopping, try again later");
    assert_eq!(answer.header("retry-after"), "10");
    assert_eq!(answer.json()["retry_after"], 10);
    assert_eq!(
        server.get("/readyz").await.json(),
        json!({"status": "draining"})
    );
    assert_eq!(server.fetch(&made["id"]).await.ok()["status"], "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_requests_by_route_method_and_status() {
    let server = TestServer::start().await;
    server.get("/metrics").await;
    server.make_gen(&json!({"samples": 50})).await.error(400);
    let made_up = request(Method::from_bytes(b"BREW").unwrap(), "/coffee", "");
    server.send(made_up).await.error(404);
    let answer = server.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let text = String::from_utf8(answer.bytes.to_vec()).unwrap();
    for (route, method, status) in [
        ("/metrics", "GET", 200),
        (MAKE_GEN, "POST", 400),
        ("unmatched", "other", 404),
    ] {
        let labels = format!("{{route=\"{route}\",method=\"{method}\",status=\"{status}\"");
        for metric in [
            "facegen_http_requests_total",
            "facegen_http_request_duration_seconds",
        ] {
            assert!(
                text.contains(&format!("{metric}{labels}")),
                "{metric}{labels}: {text}"
            );
        }
    }
    assert!(!text.contains("coffee"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_database_is_reported_and_no_job_is_accepted() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/readyz").await.status, 200);
    std::fs::remove_file(server.database()).unwrap();
    let not_ready = server.not_ready().await;
    assert_eq!(not_ready["status"], "broken");
    let reason = not_ready["reason"].as_str().unwrap();
    assert!(reason.contains("deleted or replaced"), "{reason}");
    let refused = server.make_gen(&json!({})).await;
    assert_eq!(refused.status, 503);
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_lock_is_acquired_again_or_reported() {
    let server = TestServer::start().await;
    let lock = server.database().with_extension("sqlite.lock");
    std::fs::remove_file(&lock).unwrap();
    while !lock.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // As another server would that starts between two checks.
    let other = loop {
        std::fs::remove_file(&lock).unwrap();
        let other = std::fs::File::create_new(&lock);
        if let Some(other) = other.ok().filter(|other| other.try_lock().is_ok()) {
            break other;
        }
    };
    let reason = server.not_ready().await["reason"].clone();
    assert!(reason.as_str().unwrap().contains("lock"), "{reason}");
    drop(other);
    while server.get("/readyz").await.status != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
