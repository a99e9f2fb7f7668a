//! URL-encoded forms: every value is text.

use facegen_core::request::Scalar;

use super::{Received, RequestBody};
use crate::ApiError;

/// Parses the fields of a form, leniently, as readers of forms do.
///
/// # Errors
/// Fails when no field is known and the text looks like something else.
pub(super) fn parse(text: &str) -> Result<RequestBody, ApiError> {
    let mut body = RequestBody::default();
    let mut known = false;
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        known |= body.set(&name, Ok(Scalar::Text(value.into_owned())));
    }
    match Received::of_form(text) {
        Some(received) if !known => Err(ApiError::InvalidBody { received }),
        _ => Ok(body),
    }
}
