//! The shape of tables of fields, each with its value in some columns.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Outcome, Repeat};

/// A field in one column, and the expected outcome of the request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edge {
    pub(super) field: String,
    column: String,
    /// The value, unless it is repeated or missing; `$KEY` is the key.
    #[serde(default)]
    sent: Value,
    repeat: Option<Repeat>,
    status: u16,
    message: Option<String>,
    /// The value that is used, if it is to be checked.
    #[serde(default, deserialize_with = "some_value")]
    pub(super) used: Option<Value>,
}

/// Deserialises a value that may be null, which is not the same as none.
fn some_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Edge {
    /// Returns the rows of a table, which must be complete.
    pub(super) fn table(text: &str, fields: usize, columns: usize) -> Vec<Self> {
        let edges: Vec<Self> = serde_json::from_str(text).unwrap();
        let place = |edge: &Self| (edge.field.clone(), edge.column.clone());
        let places: BTreeSet<_> = edges.iter().map(place).collect();
        assert_eq!(
            (places.len(), edges.len()),
            (fields * columns, fields * columns)
        );
        edges
    }

    /// Returns the name of the row, for messages of the test.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.field, self.column)
    }

    /// Returns the whole request with this value in its field.
    pub(super) fn put_into(&self, mut request: Value, key: &str) -> Value {
        let fields = request.as_object_mut().unwrap();
        fields.remove(&self.field);
        let sent = match (&self.repeat, &self.sent) {
            (Some(repeat), _) => Value::from(repeat.text()),
            (None, Value::String(text)) => Value::from(text.replace("$KEY", key)),
            (None, other) => other.clone(),
        };
        if self.column != "missing" {
            fields.insert(self.field.clone(), sent);
        }
        request
    }

    /// Returns whether a form can send the value as it is.
    pub(super) fn is_text_or_absent(&self) -> bool {
        self.repeat.is_some() || self.sent.is_string() || self.sent.is_null()
    }

    pub(super) fn outcome(&self) -> Outcome {
        Outcome {
            status: self.status,
            message: self.message.clone(),
        }
    }
}
