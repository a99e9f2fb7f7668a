//! Forms: every value is text.

use facegen_core::request::Scalar;

use super::{Received, RequestBody};
use crate::ApiError;

/// The fields of a form. What is not one is read as well as it can be, as every
/// reader of forms does.
///
/// # Errors
/// No field is known, and what was sent is something else than a form.
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
