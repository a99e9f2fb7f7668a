//! Forms: every value is text.

use facegen_core::request::Scalar;

use super::RequestBody;

/// The fields of a form. What is not one is read as well as it can be, as every
/// reader of forms does.
pub(super) fn parse(text: &str) -> RequestBody {
    let mut body = RequestBody::default();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        body.set(&name, Ok(Scalar::Text(value.into_owned())));
    }
    body
}
