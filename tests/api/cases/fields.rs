//! Each field of a request below its least value, at it, at its greatest, above
//! that, missing, null, and as a text. Of texts it is the length that has a
//! least and a greatest value, of choices the first and the last count.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::memory::{forget_peak, tell_peak};
use super::{Outcome, Repeat, assert_used, used_values};
use crate::server::{MAKE_GEN, TestServer};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    field: String,
    column: String,
    /// The value, unless it is repeated or missing; `$KEY` is the key.
    #[serde(default)]
    sent: Value,
    repeat: Option<Repeat>,
    status: u16,
    message: Option<String>,
    /// The value that is used; without it none is checked.
    #[serde(default, deserialize_with = "some_value")]
    used: Option<Value>,
}

/// A value that may be null, which is not the same as none.
fn some_value<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Case {
    fn body(&self, server: &TestServer) -> Value {
        let mut body = server.request();
        let fields = body.as_object_mut().unwrap();
        fields.remove(&self.field);
        let sent = match (&self.repeat, &self.sent) {
            (Some(repeat), _) => Value::from(repeat.text()),
            (None, Value::String(text)) => Value::from(text.replace("$KEY", &server.key)),
            (None, other) => other.clone(),
        };
        if self.column != "missing" {
            fields.insert(self.field.clone(), sent);
        }
        body
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_has_its_edges_where_they_are_listed() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("fields.json")).unwrap();
    let places: BTreeSet<_> = cases
        .iter()
        .map(|case| (&case.field, &case.column))
        .collect();
    assert_eq!((places.len(), cases.len()), (16 * 7, 16 * 7));
    let server = TestServer::start().await;
    for case in cases {
        let name = format!("{} {}", case.field, case.column);
        forget_peak();
        let answer = server.post(MAKE_GEN, &case.body(&server)).await;
        tell_peak(&name);
        let outcome = Outcome {
            status: case.status,
            message: case.message,
        };
        outcome.check(&name, &answer);
        if let Some(used) = case.used {
            let expected = Map::from_iter([(case.field, used)]);
            assert_used(&name, &expected, &used_values(&server, &answer).await);
        }
    }
}
