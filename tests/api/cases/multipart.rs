//! Forms that are right, and the ways in which they are wrong
//! (`multipart.json`).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::memory::{forget_peak, tell_peak};
use super::{Outcome, assert_used, used_values};
use crate::form::{Form, form_request};
use crate::server::{GENERATIONS, TestServer};

/// One form: the smallest request with more parts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The fields of the smallest request that are left out.
    #[serde(default)]
    without: Vec<String>,
    /// The parameters of each further part, and its content.
    #[serde(default)]
    parts: Vec<(String, String)>,
    /// How often the further parts are repeated.
    #[serde(default = "once")]
    times: usize,
    /// The boundary that the header names, if it is another.
    boundary: Option<String>,
    /// How many bytes are missing at the end.
    #[serde(default)]
    cut: usize,
    /// What stands before the first part.
    #[serde(default)]
    before: String,
    status: u16,
    message: Option<String>,
    /// What the tip says was received.
    received: Option<String>,
    /// Values that the job must use.
    #[serde(default)]
    used: Map<String, Value>,
}

fn once() -> usize {
    1
}

impl Case {
    fn bytes(&self, server: &TestServer) -> Vec<u8> {
        let mut fields = server.request();
        for name in &self.without {
            fields[name] = json!(null);
        }
        let mut form = Form::of(&fields);
        for (parameters, content) in self
            .parts
            .iter()
            .cycle()
            .take(self.parts.len() * self.times)
        {
            // Each character is a byte, so that the table can hold any.
            let content: Vec<u8> = content.chars().map(|letter| letter as u8).collect();
            form = form.part(parameters, &content);
        }
        let mut bytes = [self.before.as_bytes(), &form.bytes()].concat();
        bytes.truncate(bytes.len() - self.cut);
        bytes
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_the_table_is_answered_as_listed() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("multipart.json")).unwrap();
    assert!(cases.len() >= 25);
    let server = TestServer::start().await;
    let cases = cases.iter();
    for (case, path) in cases.flat_map(|case| GENERATIONS.map(|path| (case, path))) {
        forget_peak();
        let boundary = case.boundary.as_deref().unwrap_or("---a-boundary");
        let request = form_request(path, boundary, case.bytes(&server));
        let answer = server.send(request).await;
        tell_peak(&case.name);
        let outcome = Outcome {
            status: case.status,
            message: case.message.clone(),
        };
        outcome.check(&case.name, &answer);
        if let Some(received) = &case.received {
            let tip = answer.json()["tip"].as_str().unwrap().to_owned();
            assert!(
                tip.ends_with(&format!(" Received: {received}.")),
                "{}: {tip}",
                case.name
            );
        }
        if !case.used.is_empty() {
            assert_used(&case.name, &case.used, &used_values(&server, &answer).await);
        }
    }
}
