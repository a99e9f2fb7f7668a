//! Every way in which clients write a photo, valid or not: the table of the
//! parser, as requests; and files, which have the same limits.

use serde::Deserialize;
use serde_json::json;

use super::Outcome;
use super::memory::{forget_peak, tell_peak};
use crate::form::Form;
use crate::server::{GENERATIONS, TestServer};

const TABLE: &str = include_str!("../../../crates/facegen-core/tests/assets/face_sources.json");

/// A name and a text, with a URL or bytes, or the reason why it is refused.
#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    text: String,
    error: Option<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_a_photo_is_answered_as_listed() {
    let mut cases: Vec<Case> = serde_json::from_str(TABLE).unwrap();
    assert!(cases.len() >= 25);
    let too_long = "face_image must not be longer than 10 MB";
    for (name, length, error) in [
        ("the longest", 10_000_000, None),
        ("one too long", 10_000_001, Some(too_long)),
    ] {
        let text = "A".repeat(usize::div_ceil(length * 4, 3));
        cases.push(Case {
            name: name.into(),
            text,
            error: error.map(str::to_owned),
        });
    }
    let server = TestServer::start().await;
    for Case { name, text, error } in cases {
        // A URL of an unreachable host is a job that fails.
        let status = if error.is_some() { 400 } else { 200 };
        let outcome = Outcome {
            status,
            message: error,
        };
        let body = server.request_with(&json!({"face_image": text}));
        for path in GENERATIONS {
            forget_peak();
            let answer = server.post(path, &body).await;
            tell_peak(&name);
            outcome.check(&name, &answer);
        }
    }
    files_are_answered_as_their_base64(&server, too_long).await;
}

async fn files_are_answered_as_their_base64(server: &TestServer, too_long: &str) {
    for (name, length, error) in [
        ("the longest file", 10_000_000, None),
        ("a file one too long", 10_000_001, Some(too_long)),
        ("an empty file", 0, Some("face_image is empty")),
    ] {
        let fields = server.request_with(&json!({"face_image": null}));
        let outcome = Outcome {
            status: if error.is_some() { 400 } else { 200 },
            message: error.map(str::to_owned),
        };
        for path in GENERATIONS {
            let form = Form::of(&fields).file("face_image", &vec![0; length]);
            forget_peak();
            let answer = server.send(form.request(path)).await;
            tell_peak(name);
            outcome.check(name, &answer);
        }
    }
}
