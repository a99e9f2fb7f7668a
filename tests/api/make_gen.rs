//! `/api/v1/enterprise/face_gen/make_gen`: valid requests.

use facegen_api::{ApiConfig, Base64Output, SafetyChecking};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::server::{Builder, FACE_BASE64, FACE_URL, MAKE_GEN, PROMPT, TestServer};

/// Returns the example of the documentation, with the photo of the tests.
fn documented_request(server: &TestServer) -> Value {
    json!({
        "key": server.key,
        "prompt": "pretty woman",
        "negative_prompt": "anime, cartoon, drawing, big nose, long nose, fat, ugly",
        "face_image": FACE_URL,
        "width": "512",
        "height": "512",
        "samples": "1",
        "num_inference_steps": "21",
        "safety_checker": false,
        "base64": false,
        "seed": 1234,
        "guidance_scale": 7.5,
        "s_scale": 1.0,
        "safety_checker_type": "blur",
        "webhook": null,
        "track_id": null
    })
}

/// Checks and replaces the values that differ from run to run.
fn redact(mut body: Value) -> Value {
    assert!(body["generationTime"].is_f64(), "{body}");
    body["generationTime"] = json!("[seconds]");
    let prefix = body["meta"]["file_prefix"].as_str().unwrap().to_owned();
    assert_eq!(prefix.len(), 36);
    let text = body.to_string().replace(&prefix, "[prefix]");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_the_documentation_is_answered_as_documented() {
    let server = TestServer::start().await;
    let answer = server.post(MAKE_GEN, &documented_request(&server)).await;
    assert_json_snapshot!(redact(answer.ok()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_defaults_of_official_clients_are_accepted() {
    let server = TestServer::start().await;
    let fields = json!({"s_scale": 7.5, "num_inference_steps": 20, "seed": "null",
        "webhook": "", "safety_checker": "no", "id": [], "request_id": {}, "model_id": "ai-avatar-generatorface-gen"});
    let body = server.make_gen(&fields).await.ok();
    assert_eq!(body["status"], "success");
    assert_eq!(body["meta"]["num_inference_steps"], 21);
    assert_eq!(body["meta"]["safety_checker"], "no");
    assert!(body["meta"]["seed"].is_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn random_seeds_differ_and_given_ones_stay() {
    let server = TestServer::start().await;
    let mut seeds = Vec::new();
    for seed in [
        json!(null),
        json!(null),
        json!("0"),
        json!(4_294_967_295_u32),
    ] {
        let body = server.make_gen(&json!({ "seed": seed })).await.ok();
        seeds.push(body["meta"]["seed"].clone());
    }
    assert_ne!(seeds[0], seeds[1]);
    assert_eq!(seeds[2..], [json!(0), json!(4_294_967_295_u32)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_samples_are_two_images_with_two_links() {
    let server = TestServer::start().await;
    let body = server.make_gen(&json!({"samples": 2})).await.ok();
    assert_eq!(body["meta"]["samples"], 2);
    let output = body["output"].as_array().unwrap();
    assert_eq!(body["proxy_links"], body["output"]);
    assert_eq!(output.len(), 2);
    for (index, link) in output.iter().enumerate() {
        let link = link.as_str().unwrap();
        assert!(link.ends_with(&format!("-{index}.png")), "{link}");
        let path = link.strip_prefix("http://faces.test").unwrap();
        assert_eq!(server.get(path).await.bytes.as_ref(), b"64x64");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inline_photo_is_echoed_by_name_only() {
    let server = TestServer::start().await;
    for face in [
        FACE_BASE64.to_owned(),
        format!("data:image/jpeg;base64,{FACE_BASE64}"),
    ] {
        let answer = server.make_gen(&json!({ "face_image": face })).await;
        assert_eq!(answer.ok()["meta"]["face_image"], "inline");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn base64_gives_links_to_text() {
    let server = TestServer::start().await;
    let body = server.make_gen(&json!({"base64": "true"})).await.ok();
    assert_eq!(body["meta"]["base64"], "yes");
    let link = body["output"][0].as_str().unwrap();
    assert!(link.ends_with("-0.base64"), "{link}");
    let path = link.strip_prefix("http://faces.test").unwrap();
    let answer = server.get(path).await;
    assert_eq!(
        answer.header("content-type"),
        "text/plain; charset=us-ascii"
    );
    assert_eq!(answer.bytes.as_ref(), b"NjR4NjQ=");
}

#[tokio::test(flavor = "multi_thread")]
async fn base64_may_be_inline_in_the_answers() {
    let inline = |config: &mut ApiConfig| config.base64_output = Base64Output::Inline;
    let server = Builder::new().with_config(inline).start().await;
    let asked = json!({"base64": true, "samples": 2, "webhook": null});
    let body = server.make_gen(&asked).await.ok();
    assert_eq!(body["output"], json!(["NjR4NjQ=", "NjR4NjQ="]));
    let link = body["proxy_links"][1].as_str().unwrap();
    assert!(link.ends_with("-1.base64"), "{link}");
    let fetched = server.fetch(&body["id"]).await.ok();
    assert_eq!(fetched["output"], body["output"]);
    let body = server.make_gen(&json!({})).await.ok();
    assert!(body["output"][0].as_str().unwrap().ends_with("-0.png"));
}

#[tokio::test(flavor = "multi_thread")]
async fn base64_that_cannot_be_read_is_linked_instead() {
    let inline = |config: &mut ApiConfig| config.base64_output = Base64Output::Inline;
    let server = Builder::new().with_config(inline).start().await;
    server
        .post("/api/v1/enterprise/update_s3", &server.bucket())
        .await
        .ok();
    let body = server.make_gen(&json!({"base64": true})).await.ok();
    assert_eq!(body["output"], json!(["NjR4NjQ="]));
    let forget = json!({"key": server.key});
    server
        .post("/api/v1/enterprise/reset_s3", &forget)
        .await
        .ok();
    let fetched = server.fetch(&body["id"]).await.ok();
    assert_eq!(fetched["output"], body["proxy_links"]);
    let link = fetched["output"][0].as_str().unwrap();
    assert!(
        link.starts_with("https://cdn.example/generations/"),
        "{link}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn links_begin_with_the_address_of_the_operator() {
    let builder = Builder::new().with_config(|config| {
        config.public_url = Some(String::from("https://faces.example/api-root/"));
    });
    let server = builder.start().await;
    let body = server.make_gen(&json!({})).await.ok();
    let link = body["output"][0].as_str().unwrap();
    assert!(
        link.starts_with("https://faces.example/api-root/temp/"),
        "{link}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checker_that_is_not_there_is_not_claimed() {
    let mut builder = Builder::new();
    builder.capabilities.safety_checking = SafetyChecking::Absent;
    let server = builder.start().await;
    let body = server.make_gen(&json!({"safety_checker": true})).await.ok();
    assert_eq!(body["meta"]["safety_checker"], "no");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_long_is_answered_at_once() {
    let server = Builder::new().closed().start().await;
    let body = server.make_gen(&json!({"samples": 2})).await.ok();
    assert!(body["eta"].as_u64().unwrap() >= 1, "{body}");
    let id = body["id"].as_u64().unwrap();
    let fetch = format!("http://faces.test/api/v1/enterprise/face_gen/fetch/{id}");
    assert_eq!(body["fetch_result"], fetch);
    let future = body["future_links"].as_array().unwrap().clone();
    assert_eq!(future.len(), 2);
    let mut shown = body;
    shown["meta"] = json!("[meta]");
    assert_json_snapshot!(shown, {
        ".eta" => "[seconds]", ".future_links[]" => "[link]"
    });

    server.control.open();
    server.wait_for(&json!(id)).await;
    assert_eq!(server.fetch(&json!(id)).await.ok()["output"], json!(future));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_webhook_the_answer_comes_at_once_and_the_images_there() {
    let server = TestServer::start().await;
    let url = "https://receiver.example/done?secret=1";
    for (sent, echoed) in [(json!(7), json!(7)), (json!("seven"), json!("seven"))] {
        let fields = json!({"webhook": url, "track_id": sent});
        let body = server.make_gen(&fields).await.ok();
        assert_eq!(body["status"], "processing");
        let (receiver, message) = server.next_webhook().await;
        assert_eq!(receiver, url);
        assert_eq!(message["status"], "success");
        assert_eq!(message["id"], body["id"]);
        assert_eq!(message["output"], body["future_links"]);
        assert_eq!(message["meta"]["prompt"], PROMPT);
        assert_eq!(message["track_id"], echoed);
        assert_eq!(message.as_object().unwrap().len(), 7);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_other_calls_do_not_matter() {
    let server = TestServer::start().await;
    for value in [
        json!(FACE_BASE64),
        json!("no base64"),
        json!(7),
        json!([{}]),
    ] {
        let fields = json!({
            "base64_string": value, "init_image": value, "request_id": value,
            "endpoint_url": value, "deploy_type": value,
        });
        let body = server.make_gen(&fields).await.ok();
        assert_eq!(body["status"], "success", "{value}");
        assert_eq!(body["meta"]["face_image"], FACE_URL);
    }
}
