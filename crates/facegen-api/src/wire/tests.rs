use serde::Serialize;

use super::*;
use crate::fixture::{CAPABILITIES, PREFIX, failed_job, job};
use crate::links::Links;
use crate::{Capabilities, SafetyChecking};

fn written(body: &impl Serialize) -> String {
    serde_json::to_string_pretty(body).unwrap()
}

fn links() -> Links<'static> {
    Links::new("https://faces.example/")
}

#[test]
fn success_is_written_as_documented() {
    let job = job(&[
        ("safety_checker_type", "blur".into()),
        ("guidance_scale", 7.into()),
    ]);
    let written = written(&Success::new(&job, links(), &CAPABILITIES));
    let link = |index| format!("https://faces.example/temp/{PREFIX}-{index}.png");
    let expected = format!(
        r#"{{
  "status": "success",
  "generationTime": 7.0,
  "id": 32,
  "output": [
    "{0}",
    "{1}"
  ],
  "proxy_links": [
    "{0}",
    "{1}"
  ],
  "meta": {{
    "base64": "no",
    "face_image": "https://u:p@example.org/face.jpg?sig=1",
    "file_prefix": "{PREFIX}",
    "guidance_scale": 7.0,
    "height": 512,
    "negative_prompt": "",
    "num_inference_steps": 21,
    "outdir": "out",
    "prompt": "pretty woman",
    "safety_checker": "yes",
    "safety_checker_type": "blur",
    "samples": 2,
    "seed": 4029484891,
    "temp": "yes",
    "width": 512
  }}
}}"#,
        link(0),
        link(1)
    );
    assert_eq!(written, expected);
}

#[test]
fn processing_has_the_documented_keys_in_their_order() {
    let job = job(&[]);
    let estimate = Duration::from_millis(4_001);
    let written = written(&Processing::new(&job, estimate, links(), &CAPABILITIES));
    let keys: Vec<&str> = written
        .lines()
        .filter(|line| line.starts_with("  \""))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    assert_eq!(
        keys,
        [
            "status",
            "tip",
            "eta",
            "message",
            "fetch_result",
            "id",
            "output",
            "future_links",
            "proxy_links",
            "meta"
        ]
    );
    assert!(written.contains("\"eta\": 5,"), "{written}");
    let fetch = "\"fetch_result\": \"https://faces.example/api/v1/enterprise/face_gen/fetch/32\"";
    assert!(written.contains(fetch), "{written}");
    assert!(written.contains("\"output\": [],"), "{written}");
}

#[test]
fn an_estimate_of_nothing_is_a_second() {
    let job = job(&[]);
    let written = written(&FetchProcessing::new(&job, Duration::ZERO, links()));
    assert!(written.contains("\"eta\": 1,"), "{written}");
    assert!(
        written.contains("\"message\": \"try again later.\""),
        "{written}"
    );
}

#[test]
fn base64_changes_the_ending_and_the_flag() {
    let job = job(&[("base64", "true".into()), ("samples", 1.into())]);
    let written = serde_json::to_string(&FetchSuccess::new(&job, links().images(&job))).unwrap();
    let expected = format!(
        r#"{{"status":"success","id":32,"output":["https://faces.example/temp/{PREFIX}-0.base64"]}}"#
    );
    assert_eq!(written, expected);
    let success = serde_json::to_string(&Success::new(&job, links(), &CAPABILITIES)).unwrap();
    assert!(success.contains(r#""meta":{"base64":"yes""#), "{success}");
}

#[test]
fn images_in_a_bucket_are_linked_there_and_are_not_temporary() {
    for base in [
        "https://cdn.example/generations",
        "https://cdn.example/generations/",
    ] {
        let mut job = job(&[("base64", "true".into()), ("samples", 1.into())]);
        job.link_base = Some(base.to_owned());
        job.attempt = 2;
        let link = format!("https://cdn.example/generations/{PREFIX}-0.a2.base64");
        let success = serde_json::to_value(Success::new(&job, links(), &CAPABILITIES)).unwrap();
        assert_eq!(success["output"], serde_json::json!([link]));
        assert_eq!(success["proxy_links"], serde_json::json!([link]));
        assert_eq!(success["meta"]["temp"], "no");
        let fetched = serde_json::to_value(FetchSuccess::new(&job, links().images(&job))).unwrap();
        assert_eq!(fetched["output"], serde_json::json!([link]));
    }
}

#[test]
fn a_checker_that_is_not_there_is_not_claimed() {
    let none = Capabilities {
        safety_checking: SafetyChecking::Absent,
        ..CAPABILITIES.clone()
    };
    let always = Capabilities {
        safety_checking: SafetyChecking::Always,
        ..CAPABILITIES.clone()
    };
    for (asked, capabilities, claimed) in [
        (true, &*CAPABILITIES, "yes"),
        (false, &*CAPABILITIES, "no"),
        (true, &none, "no"),
        (false, &none, "no"),
        (true, &always, "yes"),
        (false, &always, "yes"),
    ] {
        let job = job(&[("safety_checker", asked.into())]);
        let written = serde_json::to_string(&Success::new(&job, links(), capabilities)).unwrap();
        let flag = format!(r#""safety_checker":"{claimed}""#);
        assert!(written.contains(&flag), "{written}");
    }
}

#[test]
fn failure_says_why() {
    let written = serde_json::to_string(&Failed::new(&failed_job(&[]))).unwrap();
    let expected =
        r#"{"status":"failed","id":32,"message":"No face detected in face_image","output":[]}"#;
    assert_eq!(written, expected);
}
