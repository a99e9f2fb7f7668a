//! Reading of request bodies, within limits, into [`RequestBody`].

mod budget;
mod early_key;
mod fields;
mod form;
mod image;
mod json;
mod minimum_rate;
mod multipart;
mod read;
mod received;

#[cfg(test)]
mod tests;

pub(crate) use budget::{BodyBudget, BodyPermit, Holder};
pub(crate) use early_key::early_key;
pub(crate) use fields::RequestBody;
pub(crate) use image::SentImage;
pub(crate) use read::{BODY_TIME, BodyReader, discard_request};
pub use received::Received;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

use crate::ApiError;

const URL_ENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

/// Parses the fields of a body: of a form of either kind when the headers say
/// so, else of JSON, whatever the headers say. An empty body has no fields.
///
/// `curl --data` labels its JSON as a form, so a form that begins like an
/// object is read as JSON.
pub(crate) fn parse_body(headers: &HeaderMap, bytes: &[u8]) -> Result<RequestBody, ApiError> {
    if is_multipart(headers, bytes) {
        return multipart::parse(headers, bytes);
    }
    let text = str::from_utf8(bytes).map_err(|_| ApiError::InvalidBody {
        received: Received::of_bytes(headers, bytes),
    })?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Ok(RequestBody::default());
    }
    if says(headers, URL_ENCODED) && !text.starts_with('{') {
        return form::parse(text);
    }
    json::parse(text).map_err(|error| ApiError::InvalidBody {
        received: Received::of_text(headers, text, &error),
    })
}

/// Returns whether the body, or its beginning, is a multipart form.
fn is_multipart(headers: &HeaderMap, bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    says(headers, MULTIPART) && !matches!(first, None | Some(b'{'))
}

/// Returns whether the headers name this type of content.
fn says(headers: &HeaderMap, content_type: &str) -> bool {
    let said = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = said.and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(content_type))
}
