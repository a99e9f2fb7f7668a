//! Describes a body that cannot be parsed, so that its sender sees how it was
//! changed on the way. It quotes no content, only line and column.

use std::borrow::Cow;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

/// Magic bytes of files that are sent instead of JSON.
const MAGIC: [(&[u8], &str); 7] = [
    (b"\x1f\x8b", "gzip; send it uncompressed"),
    (b"\xff\xd8\xff", IMAGE),
    (b"\x89PNG", IMAGE),
    (b"GIF8", IMAGE),
    (b"RIFF", IMAGE),
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
];

const IMAGE: &str = "the bytes of an image; send a multipart form with the image as the file \
     face_image, or JSON with the image as base64 in face_image";
const UTF_16: &str = "UTF-16 text; send UTF-8";
const MULTIPART: &str = "a multipart body that is no multipart/form-data";
const PERCENT_ENCODED: &str = "percent-encoded JSON in a form; send the JSON as it is \
     (curl: --json or --data-binary, not --data-urlencode)";
const JSON_IN_A_FIELD: &str = "a form with JSON in a field; send the JSON itself as the body";
const SINGLE_QUOTES: &str = "text in single quotes, which the Windows command line does not take \
     for quotes; put the JSON into a file (curl --json @body.json), or into double quotes with \\\" \
     for each one within";
const NAMES_IN_SINGLE_QUOTES: &str =
    "an object with single quotes around its names; JSON has double quotes";
const NAMES_WITHOUT_QUOTES: &str = "an object without quotes around its names: the command line \
     may have taken them away; put the JSON into a file (curl --json @body.json)";
const ENCODED_TWICE: &str = "a JSON string that holds JSON: it was encoded twice";
const FORM: &str = "a form, without the header Content-Type: application/x-www-form-urlencoded";

/// What was received instead of a JSON object or a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received(Cow<'static, str>);

impl Received {
    /// Returns the description in a few words that follow "received: ".
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Describes bytes that are not text.
    pub(super) fn of_bytes(headers: &HeaderMap, bytes: &[u8]) -> Self {
        if is_multipart(headers, bytes) {
            return MULTIPART.into();
        }
        let magic = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic));
        magic
            .map_or("bytes that are not UTF-8 text", |(_, what)| what)
            .into()
    }

    /// Describes text that is not a JSON object, with the parser's error.
    pub(super) fn of_text(headers: &HeaderMap, text: &str, error: &serde_json::Error) -> Self {
        if is_multipart(headers, text.as_bytes()) {
            return MULTIPART.into();
        }
        if text.contains('\0') {
            return UTF_16_OR_NUL.into();
        }
        match text.as_bytes().first() {
            Some(b'\'') => SINGLE_QUOTES.into(),
            Some(b'%') if is_percent_encoded_json(text) => PERCENT_ENCODED.into(),
            Some(b'"') if holds_json(text) => ENCODED_TWICE.into(),
            Some(b'{') => of_object(text, error),
            Some(b'<') => "XML or HTML; send JSON".into(),
            _ if is_other_json(text) => "JSON that is no object".into(),
            _ if is_form(text) => FORM.into(),
            _ => Self(format!("text that is no JSON from line {} on", error.line()).into()),
        }
    }

    /// Describes a form that is really something else, by the names and values
    /// of its fields, none of which is known.
    pub(super) fn of_form(text: &str) -> Option<Self> {
        if text.starts_with('\'') {
            return Some(SINGLE_QUOTES.into());
        }
        if is_percent_encoded_json(text) {
            return Some(PERCENT_ENCODED.into());
        }
        let mut fields = form_urlencoded::parse(text.as_bytes());
        let holds_json = fields.any(|(name, value)| is_object(&name) || is_object(&value));
        holds_json.then(|| JSON_IN_A_FIELD.into())
    }
}

const UTF_16_OR_NUL: &str = "text with NUL characters, such as UTF-16; send UTF-8";

impl From<&'static str> for Received {
    fn from(text: &'static str) -> Self {
        Self(text.into())
    }
}

/// Describes an object with a syntax error.
fn of_object(text: &str, error: &serde_json::Error) -> Received {
    let within = text[1..].trim_start();
    if within.starts_with('\'') {
        return NAMES_IN_SINGLE_QUOTES.into();
    }
    if within.starts_with('\\') || within.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        return NAMES_WITHOUT_QUOTES.into();
    }
    let (line, column) = (error.line(), error.column());
    let what = if error.is_eof() {
        format!("JSON that ends early, in line {line} at column {column}")
    } else {
        format!("JSON with a mistake in line {line} at column {column}")
    };
    Received(what.into())
}

fn is_multipart(headers: &HeaderMap, bytes: &[u8]) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    let said = content_type.and_then(|value| value.to_str().ok());
    let said = said.is_some_and(|text| {
        text.trim_start()
            .to_ascii_lowercase()
            .starts_with("multipart/")
    });
    said && bytes.starts_with(b"--")
}

/// Returns whether this is `%7B…`, with or without the `=` that some clients
/// append.
fn is_percent_encoded_json(text: &str) -> bool {
    let beginning = text.get(..3).unwrap_or_default();
    beginning.eq_ignore_ascii_case("%7b") || beginning == "%27" || beginning == "%22"
}

/// Returns whether this is a JSON string that holds an object.
fn holds_json(text: &str) -> bool {
    serde_json::from_str::<String>(text).is_ok_and(|held| is_object(&held))
}

fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

fn is_other_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Returns whether this begins like `name=value`.
fn is_form(text: &str) -> bool {
    let is_name = |name: &str| {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.%+[]".contains(letter);
        !name.is_empty() && name.chars().all(plain)
    };
    text.split_once('=').is_some_and(|(name, _)| is_name(name))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde::Deserialize;

    use super::super::parse_body;
    use super::*;
    use crate::ApiError;

    /// A body, and a part of its description; an empty part if it can be read.
    #[derive(Deserialize)]
    struct Case {
        content_type: String,
        body: String,
        received: String,
    }

    #[test]
    fn every_body_of_the_table_is_described() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("received.json")).unwrap();
        for Case {
            content_type,
            body,
            received,
        } in cases
        {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(&content_type) {
                headers.insert(CONTENT_TYPE, value);
            }
            // Each character is a byte, so that the table can hold any.
            let bytes: Vec<u8> = body.chars().map(|letter| letter as u8).collect();
            match parse_body(&headers, &bytes) {
                Ok(_) => assert_eq!(received, "", "{body:?} is read"),
                Err(ApiError::InvalidBody { received: said }) => {
                    let said = said.as_str();
                    let is_it = !received.is_empty() && said.starts_with(&received);
                    assert!(is_it, "{body:?}: {said}");
                    assert!(!said.contains("hunter2"), "{said}");
                }
                Err(error) => panic!("{body:?}: {error}"),
            }
        }
    }
}
