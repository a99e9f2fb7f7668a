//! JSON bodies.
//!
//! Values stay raw until a field is known: unknown fields cost nothing, however
//! deep they are nested, and numbers are judged as they were written.

use std::fmt;

use facegen_core::request::Scalar;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::RequestBody;

/// Parses the fields of the object `text`.
pub(super) fn parse(text: &str) -> Result<RequestBody, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let body = deserializer.deserialize_map(BodyVisitor)?;
    deserializer.end()?;
    Ok(body)
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = RequestBody;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<RequestBody, A::Error> {
        let mut body = RequestBody::default();
        while let Some(name) = members.next_key::<String>()? {
            let value: &RawValue = members.next_value()?;
            body.set(&name, read_scalar(value.get()));
        }
        Ok(body)
    }
}

/// Reads the value `raw`, or returns the rule that it breaks.
fn read_scalar(raw: &str) -> Result<Scalar, &'static str> {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw)
            .map(Scalar::Text)
            .map_err(|_| "must be valid Unicode text"),
        Some(b'{' | b'[') => Err("must be a single value"),
        Some(b't') => Ok(Scalar::Bool(true)),
        Some(b'f') => Ok(Scalar::Bool(false)),
        Some(b'n') => Ok(Scalar::Null),
        _ => read_number(raw),
    }
}

/// Reads the number `raw`. One that is too large for its type becomes the
/// nearest float, so that the range check of its field refuses it; see
/// [`RequestBody::set`] for the one field without a range.
fn read_number(raw: &str) -> Result<Scalar, &'static str> {
    if let Ok(number) = raw.parse::<i64>() {
        return Ok(Scalar::Integer(number));
    }
    raw.parse::<f64>()
        .map(Scalar::Float)
        .map_err(|_| "must be a number")
}
