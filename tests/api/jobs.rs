//! What `/v1/jobs` shows of jobs, their events, and their erasure.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Response};
use facegen_api::SafetyChecking;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::captured_log::log;
use crate::server::{Builder, FACE_BASE64, PROMPT, TIMEOUT, TestServer, with_key};

async fn show(server: &TestServer, id: &Value) -> Value {
    let path = format!("/v1/jobs/{id}");
    server.call(Method::GET, &path, &server.key).await.ok()
}

async fn delete(server: &TestServer, id: &Value) -> Value {
    let path = format!("/v1/jobs/{id}");
    server.call(Method::DELETE, &path, &server.key).await.ok()
}

/// Waits until the engine is at its first step.
async fn held(server: &TestServer) {
    let control = server.control.clone();
    let held = tokio::task::spawn_blocking(move || control.wait_until(|counts| counts.ticks == 1));
    assert!(held.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_succeeded_shows_the_used_values() {
    let server = TestServer::start().await;
    let fields = json!({"s_scale": 7.5, "num_inference_steps": 20});
    let made = server.make_gen(&fields).await.ok();
    let job = show(&server, &made["id"]).await;
    assert_eq!(job["state"], "succeeded");
    assert_eq!(job["used"]["s_scale"], 2.0);
    assert_eq!(job["used"]["num_inference_steps"], 21);
    assert_eq!(job["used"]["dtype"], "f32");
    assert_eq!(job["engine"], "fake");
    assert_eq!(job["used"]["style"], "realistic");
    assert_eq!(job["used"]["seed"], 1234);
    assert_eq!(job["warnings"].as_array().unwrap().len(), 2);
    assert_eq!(job["output"], made["output"]);
    assert!(job["timings"]["denoising"].is_u64());
    for moment in ["created_at", "started_at", "finished_at", "expires_at"] {
        assert!(job[moment].as_str().unwrap().ends_with('Z'), "{moment}");
    }
    assert_eq!(job["eta"], Value::Null);
    assert_eq!(job["failure"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_details_of_a_job_have_its_prompts_and_no_list_has() {
    let server = Builder::new().closed().start().await;
    let fields = json!({"negative_prompt": "Zenobia as a child"});
    let id = server.make_gen(&fields).await.ok()["id"].clone();
    let none = server.make_gen(&json!({})).await.ok()["id"].clone();
    held(&server).await;
    let job = show(&server, &id).await;
    assert_eq!(job["state"], "running");
    assert_eq!(job["prompt"], PROMPT);
    assert_eq!(job["negative_prompt"], "Zenobia as a child");
    assert_eq!(show(&server, &none).await["negative_prompt"], "");
    for key in [&server.key, &server.other_key, &server.admin_key] {
        let list = server.call(Method::GET, "/v1/jobs", key).await.ok();
        assert!(!list.to_string().contains("Zenobia"), "{list}");
    }
    let path = format!("/v1/jobs/{id}");
    for key in [&server.other_key, &server.admin_key] {
        let foreign = server.call(Method::GET, &path, key).await;
        assert_eq!(foreign.error(404), "Request not found");
    }
    assert_eq!(delete(&server, &id).await["state"], "cancelled");
    let erased = show(&server, &id).await;
    assert_eq!(erased["prompt"], Value::Null);
    assert_eq!(erased["negative_prompt"], Value::Null);
    server.control.open();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_has_the_links_of_each_job_while_its_images_can_be_read() {
    let mut builder = Builder::new();
    builder.keep_images = Duration::from_hours(1);
    let server = builder.start().await;
    let here = server.make_gen(&json!({"samples": 2})).await.ok();
    let text = server.make_gen(&json!({"base64": true})).await.ok();
    let bucket = server.bucket();
    let set = server.post("/api/v1/enterprise/update_s3", &bucket);
    set.await.ok();
    let there = server.make_gen(&json!({})).await.ok();
    let outputs = async || {
        let list = server.call(Method::GET, "/v1/jobs", &server.key).await;
        let list = list.ok()["items"].as_array().unwrap().clone();
        list.iter()
            .map(|job| job["output"].clone())
            .collect::<Vec<_>>()
    };
    let expected = [&there, &text, &here].map(|made| made["output"].clone());
    assert_eq!(outputs().await, expected);
    for made in [&here, &text, &there] {
        assert_eq!(show(&server, &made["id"]).await["output"], made["output"]);
    }
    delete(&server, &there["id"]).await;
    assert_eq!(outputs().await[0], json!([]));
    server.clock.advance(Duration::from_mins(61));
    assert_eq!(outputs().await, [json!([]), json!([]), json!([])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_jobs_have_a_position_and_are_listed_latest_first() {
    let server = Builder::new().closed().start().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(server.make_gen(&json!({})).await.ok()["id"].clone());
    }
    held(&server).await;
    let first = show(&server, &ids[0]).await;
    assert_eq!(
        (&first["state"], &first["position"]),
        (&json!("running"), &Value::Null)
    );
    let positions = [show(&server, &ids[3]).await, show(&server, &ids[4]).await];
    let [before, last] = positions.map(|job| job["position"].as_u64().unwrap());
    assert_eq!(last, before + 1);
    assert!(show(&server, &ids[4]).await["eta"].as_u64().unwrap() >= 1);

    let list = |query: String| {
        let server = &server;
        async move {
            let path = format!("/v1/jobs{query}");
            server.call(Method::GET, &path, &server.key).await.ok()
        }
    };
    let page = list("?limit=2".into()).await;
    let listed: Vec<&Value> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| &job["id"])
        .collect();
    assert_eq!(listed, [&ids[4], &ids[3]]);
    let page = list(format!("?limit=100&before={}", page["next_before"])).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    assert_eq!(page["next_before"], Value::Null);
    let wrong = server
        .call(Method::GET, "/v1/jobs?limit=0", &server.key)
        .await;
    assert_eq!(wrong.error(400), "limit must be between 1 and 100");
    let others = server
        .call(Method::GET, "/v1/jobs", &server.other_key)
        .await;
    assert_eq!(others.ok()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_cannot_distinguish_a_job_from_a_missing_one() {
    let server = Builder::new().closed().start().await;
    let id = server.make_gen(&json!({})).await.ok()["id"].clone();
    for (method, tail) in [
        (Method::GET, ""),
        (Method::GET, "/events"),
        (Method::DELETE, ""),
    ] {
        let mut answers = Vec::new();
        for id in [&id, &json!(99), &json!("nothing")] {
            let id = id.to_string();
            let path = format!("/v1/jobs/{}{tail}", id.trim_matches('"'));
            let answer = server.call(method.clone(), &path, &server.other_key).await;
            assert_eq!(answer.error(404), "Request not found");
            answers.push(answer.bytes);
        }
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
        let path = format!("/v1/jobs/{id}{tail}");
        server.call(method, &path, "unknown").await.error(401);
    }
    assert_ne!(show(&server, &id).await["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_a_job_leaves_its_id_and_state() {
    let server = TestServer::start().await;
    let fields = json!({"negative_prompt": "Zenobia", "face_image": FACE_BASE64});
    let made = server.make_gen(&fields).await.ok();
    let link = made["output"][0].as_str().unwrap().to_owned();
    let path = link.strip_prefix("http://faces.test").unwrap();
    assert_eq!(server.get(path).await.status, 200);
    let first = delete(&server, &made["id"]).await;
    assert_eq!(first["state"], "succeeded");
    assert_eq!(first["erased"], json!({"folder": true, "bucket": null}));
    assert_eq!(delete(&server, &made["id"]).await, first, "idempotent");
    server.get(path).await.error(404);
    let fetched = server.fetch(&made["id"]).await;
    assert_eq!(fetched.error(404), "Request was deleted");
    let job = show(&server, &made["id"]).await;
    assert_eq!((&job["used"], &job["output"]), (&Value::Null, &json!([])));
    assert!(job["erased_at"].is_string());
    assert!(!job.to_string().contains("Zenobia"));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_job_stops_it_and_no_other() {
    let server = Builder::new().closed().start().await;
    let webhook = json!({"webhook": "https://receiver.example/"});
    let first = server.make_gen(&webhook).await.ok()["id"].clone();
    let second = server.make_gen(&json!({})).await.ok()["id"].clone();
    let third = server.make_gen(&json!({})).await.ok()["id"].clone();
    held(&server).await;
    for id in [&first, &third] {
        assert_eq!(delete(&server, id).await["state"], "cancelled");
    }
    let (_, body) = server.next_webhook().await;
    assert_eq!((&body["status"], &body["id"]), (&json!("failed"), &first));
    server.control.open();
    server.wait_for(&second).await;
    assert_eq!(show(&server, &second).await["state"], "succeeded");
    let cancelled = show(&server, &third).await;
    assert_eq!(cancelled["failure"]["code"], "cancelled");
    assert_eq!(server.fetch(&third).await.ok()["status"], "failed");
}

async fn open(server: &TestServer, id: &Value) -> Response<Body> {
    open_path(server, format!("/v1/jobs/{id}/events")).await
}

async fn open_path(server: &TestServer, path: String) -> Response<Body> {
    let request = with_key(Method::GET, &path, &server.key);
    server.router.clone().oneshot(request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_the_state_and_closes_after_the_end() {
    let server = Builder::new().closed().start().await;
    let id = server.make_gen(&json!({})).await.ok()["id"].clone();
    held(&server).await;
    let mut stream = open(&server, &id).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let first = stream.body_mut().frame().await.unwrap().unwrap();
    let first = String::from_utf8(first.into_data().unwrap().to_vec()).unwrap();
    assert!(
        first.contains("event: progress\ndata: {\"state\":\"running\""),
        "{first}"
    );
    server.control.let_pass(1);
    let second = tokio::time::timeout(TIMEOUT, stream.body_mut().frame())
        .await
        .unwrap();
    let second = second.unwrap().unwrap().into_data().unwrap();
    let second = String::from_utf8(second.to_vec()).unwrap();
    assert!(second.contains("\"step\":1,\"steps\":21"), "{second}");
    server.control.open();
    let rest = rest_of(stream).await;
    let end = "event: end\ndata: {\"state\":\"succeeded\"";
    assert!(rest.last().unwrap().starts_with(end), "{rest:?}");
}

/// Returns the events that are left of a stream.
async fn rest_of(stream: Response<Body>) -> Vec<String> {
    let rest = tokio::time::timeout(TIMEOUT, stream.into_body().collect());
    let rest = rest.await.unwrap().unwrap().to_bytes();
    let rest = String::from_utf8(rest.to_vec()).unwrap();
    rest.split_terminator("\n\n").map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_previews_when_it_asks_and_images_are_not_checked() {
    let server = Builder::new().closed().start().await;
    let unchecked = json!({"safety_checker": false, "samples": 2, "height": 128});
    let id = server.make_gen(&unchecked).await.ok()["id"].clone();
    held(&server).await;
    let [asked, plain] = ["?preview=true", "?preview=false"].map(|query| {
        let path = format!("/v1/jobs/{id}/events{query}");
        open_path(&server, path)
    });
    let (mut asked, plain) = (asked.await, plain.await);
    asked.body_mut().frame().await.unwrap().unwrap();
    server.control.let_pass(1);
    let event = tokio::time::timeout(TIMEOUT, asked.body_mut().frame());
    let event = event.await.unwrap().unwrap().unwrap().into_data().unwrap();
    let event = str::from_utf8(&event).unwrap();
    let (name, data) = event.split_once("\ndata: ").unwrap();
    assert_eq!(name, "event: progress");
    let data: Value = serde_json::from_str(data).unwrap();
    // The encoder of the tests writes the size: one pixel for each latent.
    let image = "data:image/png;base64,OHgxNg==";
    assert_eq!(
        (&data["step"], &data["preview"]),
        (&json!(1), &json!({"step": 1, "images": [image, image]}))
    );
    drop(asked);
    server.control.open();
    let others = rest_of(plain).await.concat();
    assert!(!others.contains("preview"), "{others}");
    assert_eq!(server.control.counts().previews, 1);
    let job = show(&server, &id).await.to_string();
    assert!(!job.contains("preview"), "{job}");
    assert!(!log().contains("OHgxNg=="));
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_of_images_that_are_checked_are_refused() {
    let checked = "preview must be false: the images of this job are checked for safety before \
                   they are shown";
    for (checking, wanted, message) in [
        (SafetyChecking::OnRequest, true, Some(checked)),
        (SafetyChecking::OnRequest, false, None),
        (SafetyChecking::Always, false, Some(checked)),
        (SafetyChecking::Absent, true, None),
    ] {
        let mut builder = Builder::new().closed();
        builder.capabilities.safety_checking = checking;
        let server = builder.start().await;
        let made = server.make_gen(&json!({"safety_checker": wanted})).await;
        let path = format!("/v1/jobs/{}/events?preview=true", made.ok()["id"]);
        match message {
            Some(message) => {
                let refused = server.call(Method::GET, &path, &server.key).await;
                assert_eq!(refused.error(400), message);
            }
            None => assert_eq!(open_path(&server, path).await.status(), 200),
        }
        server.control.open();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_previews_are_wanted_is_yes_or_no() {
    let server = Builder::new().closed().start().await;
    let id = server.make_gen(&json!({})).await.ok()["id"].clone();
    let path = format!("/v1/jobs/{id}/events?preview=maybe");
    let wrong = server.call(Method::GET, &path, &server.key).await;
    assert_eq!(wrong.error(400), "preview must be true or false");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_reader_gets_only_the_latest_event() {
    let server = Builder::new().closed().start().await;
    let id = server.make_gen(&json!({})).await.ok()["id"].clone();
    held(&server).await;
    let mut stream = open(&server, &id).await;
    stream.body_mut().frame().await.unwrap().unwrap();
    server.control.open();
    server.wait_for(&id).await;
    let events = rest_of(stream).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].starts_with("event: end\n"), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_the_server_stops() {
    let mut server = Builder::new().closed().start().await;
    let id = server.make_gen(&json!({})).await.ok()["id"].clone();
    held(&server).await;
    let stream = open(&server, &id).await;
    let stopping = tokio::spawn(server.stop());
    let events = rest_of(stream).await;
    assert!(
        events.iter().all(|event| !event.contains("event: end")),
        "{events:?}"
    );
    let last = events.last().unwrap();
    assert!(last.contains("\"state\":\"queued\""), "{events:?}");
    server.control.open();
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_a_limited_share_of_the_streams() {
    let builder = Builder::new().closed();
    let server = builder
        .with_config(|config| {
            config.max_event_streams = 8;
            config.event_streams_of_key = 2;
        })
        .start()
        .await;
    let id = server.make_gen(&json!({})).await.ok()["id"].clone();
    let own = json!({ "key": server.other_key });
    let other = server.make_gen(&own).await.ok()["id"].clone();
    let streams = [open(&server, &id).await, open(&server, &id).await];
    let refused = format!("/v1/jobs/{id}/events");
    let refused = server.call(Method::GET, &refused, &server.key).await;
    refused.error(429);
    assert_eq!(refused.header("retry-after"), "10");
    let path = format!("/v1/jobs/{other}/events");
    let request = with_key(Method::GET, &path, &server.other_key);
    let open_to_others = server.router.clone().oneshot(request).await.unwrap();
    assert_eq!(open_to_others.status(), 200);
    drop(streams);
    assert_eq!(open(&server, &id).await.status(), 200);
}
