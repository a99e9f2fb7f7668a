//! Reading of request bodies, within limits, into [`RequestBody`].

mod budget;
mod early_key;
mod fields;
mod form;
mod json;
mod minimum_rate;
mod read;
mod received;

#[cfg(test)]
mod tests;

pub(crate) use budget::{BodyBudget, BodyPermit, Holder};
pub(crate) use early_key::early_key;
pub(crate) use fields::RequestBody;
pub(crate) use read::{BODY_TIME, BodyReader, discard_request};
pub use received::Received;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

use crate::ApiError;

/// Parses the fields of a body: of a form when the headers say so, else of
/// JSON, whatever the headers say. An empty body has no fields.
///
/// `curl --data` labels its JSON as a form, so a form that begins like an
/// object is read as JSON.
pub(crate) fn parse_body(headers: &HeaderMap, bytes: &[u8]) -> Result<RequestBody, ApiError> {
    let text = str::from_utf8(bytes).map_err(|_| ApiError::InvalidBody {
        received: Received::of_bytes(headers, bytes),
    })?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Ok(RequestBody::default());
    }
    if says_form(headers) && !text.starts_with('{') {
        return form::parse(text);
    }
    json::parse(text).map_err(|error| ApiError::InvalidBody {
        received: Received::of_text(headers, text, &error),
    })
}

fn says_form(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| {
        essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}
