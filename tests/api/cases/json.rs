//! Bodies that are JSON, nearly JSON, or nothing like it (`json.json`).

use axum::body::{Body, Bytes};
use axum::http::Method;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::memory::{forget_peak, tell_peak};
use super::{Outcome, assert_used, used_values};
use crate::server::{GENERATIONS, TestServer, request};

/// One body: `before`, `body` or the documented request with more `members`,
/// and `after`. `$KEY` in it is the key of the server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The whole body, without what is repeated…
    body: Option<String>,
    /// …or its bytes…
    hex: Option<String>,
    /// …or so many megabytes of blanks, one after the other…
    stream: Option<usize>,
    /// …or the last members of the smallest request.
    members: Option<String>,
    #[serde(default)]
    before: String,
    #[serde(default)]
    after: String,
    /// A text, how often it is repeated, and what closes it as often.
    repeat: Option<(String, usize, String)>,
    /// The text inside of all repetitions.
    #[serde(default)]
    inner: String,
    /// The text before and after all repetitions.
    #[serde(default)]
    around: (String, String),
    /// The text after the members.
    #[serde(default)]
    tail: String,
    status: u16,
    message: Option<String>,
    /// Values that the job must use.
    #[serde(default)]
    used: Map<String, Value>,
}

impl Case {
    fn bytes(&self, server: &TestServer) -> Vec<u8> {
        if let Some(hex) = &self.hex {
            return bytes(hex);
        }
        let Self {
            before,
            after,
            tail,
            ..
        } = self;
        let (start, end) = &self.around;
        let repeated = format!("{start}{}{end}", self.repeated());
        let text = match &self.members {
            None => format!("{}{repeated}", self.body.as_deref().unwrap_or_default()),
            Some(members) => {
                let smallest = server.request().to_string();
                let smallest = smallest.strip_suffix('}').unwrap();
                let comma = if members.is_empty() { "" } else { "," };
                format!("{smallest}{comma}{members}{repeated}{tail}}}")
            }
        };
        let text = text.replace("$KEY", &server.key);
        format!("{before}{text}{after}").into_bytes()
    }

    fn repeated(&self) -> String {
        let Some((text, times, closing)) = &self.repeat else {
            return self.inner.clone();
        };
        let (text, closing) = (text.repeat(*times), closing.repeat(*times));
        format!("{text}{}{closing}", self.inner)
    }

    fn body(&self, server: &TestServer) -> Body {
        let Some(megabytes) = self.stream else {
            return Body::from(self.bytes(server));
        };
        let megabyte = Bytes::from(vec![b' '; 1_000_000]);
        let chunks = (0..megabytes).map(move |_| Ok::<_, std::io::Error>(megabyte.clone()));
        Body::from_stream(stream::iter(chunks))
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let places = (0..hex.len()).step_by(2);
    places
        .map(|place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_body_of_the_table_is_answered_as_listed() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("json.json")).unwrap();
    assert!(cases.len() >= 200);
    let server = TestServer::start().await;
    for case in cases {
        let outcome = Outcome {
            status: case.status,
            message: case.message.clone(),
        };
        for path in GENERATIONS {
            forget_peak();
            let body = case.body(&server);
            let answer = server.send(request(Method::POST, path, body)).await;
            tell_peak(&case.name);
            outcome.check(&case.name, &answer);
            if case.status == 200 {
                assert_used(&case.name, &case.used, &used_values(&server, &answer).await);
            }
        }
    }
}
