//! Texts of users and of attackers (`texts.json`). They are echoed as they were
//! sent, and never logged.

use serde::Deserialize;
use serde_json::json;

use super::memory::{forget_peak, tell_peak};
use super::{Outcome, Repeat, used_values};
use crate::captured_log::log;
use crate::server::TestServer;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    field: String,
    sent: Option<String>,
    repeat: Option<Repeat>,
    status: u16,
    message: Option<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_comes_back_as_it_was_sent() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("texts.json")).unwrap();
    let server = TestServer::start().await;
    for case in cases {
        let repeated = case.repeat.map(|repeat| repeat.text());
        let text = case.sent.or(repeated).unwrap();
        let mut fields = json!({ "webhook": "https://receiver.example/" });
        fields[&case.field] = json!(text);
        forget_peak();
        let answer = server.make_gen(&fields).await;
        tell_peak(&case.name);
        let outcome = Outcome {
            status: case.status,
            message: case.message,
        };
        outcome.check(&case.name, &answer);
        if case.status != 200 {
            continue;
        }
        let used = used_values(&server, &answer).await;
        assert_eq!(used[&case.field], *text.trim_end(), "{}", case.name);
        let (_, message) = server.next_webhook().await;
        assert_eq!(message["status"], "success", "{message}");
        let delivered = match case.field.as_str() {
            "track_id" => &message["track_id"],
            field => &message["meta"][field],
        };
        assert_eq!(*delivered, used[&case.field], "{}", case.name);
        // A track id names nothing on the disk.
        let link = message["output"][0].as_str().unwrap();
        assert!(link.starts_with("http://faces.test/temp/"), "{link}");
        assert_eq!(link.len(), "http://faces.test/temp/-0.png".len() + 36);
    }
    // Every text that could forge something contains this word.
    assert!(!log().contains("forged"));
}
