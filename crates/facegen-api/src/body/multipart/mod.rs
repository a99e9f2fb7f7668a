//! Multipart forms: fields as text, and an image as a file.

mod parts;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use facegen_core::redact::{FaceImage, Secret};
use facegen_core::request::Scalar;
use facegen_core::{FieldError, RequestError};
use multer::{Error, parse_boundary};

use self::parts::{Part, Parts};
use super::fields::known_name;
use super::{RequestBody, SentImage};
use crate::ApiError;

/// The most parts of a form, unknown ones among them.
const MOST_PARTS: usize = 32;

/// Parses the fields of a multipart form. Unlike in other bodies, a field may
/// not be repeated: of two photos, none is the obvious one.
///
/// # Errors
/// Fails when the body is no such form, and returns the errors of all fields
/// that are repeated, of the wrong kind, or cut off.
pub(super) fn parse(headers: &HeaderMap, bytes: &[u8]) -> Result<RequestBody, ApiError> {
    let boundary = boundary(headers)?;
    let begins = bytes.starts_with(format!("--{boundary}").as_bytes());
    let mut parts = Parts::new(boundary, bytes);
    let mut form = Form::default();
    for number in 0..=MOST_PARTS {
        let part = parts.next().map_err(|error| match number {
            0 if !begins => invalid("a multipart form without the boundary of its Content-Type"),
            _ => unreadable(&error),
        })?;
        match part {
            Some(part) if number < MOST_PARTS => form.take(part)?,
            Some(_) => break,
            None => return form.finish(),
        }
    }
    Err(invalid("a multipart form of more than 32 parts"))
}

/// Returns the key in the beginning of a form, if it is there already.
pub(super) fn early_key(headers: &HeaderMap, beginning: &[u8]) -> Option<Secret<String>> {
    let mut parts = Parts::new(boundary(headers).ok()?, beginning);
    while let Some(part) = parts.next().ok()? {
        if part.name() == Some("key") && !part.is_file() {
            let key = String::from_utf8(part.bytes().ok()?);
            return key.ok().map(Secret::new);
        }
        part.skip().ok()?;
    }
    None
}

fn boundary(headers: &HeaderMap) -> Result<String, ApiError> {
    let content_type = headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    parse_boundary(content_type.unwrap_or_default()).map_err(|_| {
        invalid("a multipart form without a boundary in its Content-Type, which clients set")
    })
}

/// The fields that have been read.
#[derive(Default)]
struct Form {
    body: RequestBody,
    seen: BTreeSet<&'static str>,
    has_file: bool,
    errors: Vec<FieldError>,
}

impl Form {
    /// Reads a part.
    ///
    /// # Errors
    /// Fails when it has no name, or the body ends within it.
    fn take(&mut self, part: Part<'_>) -> Result<(), ApiError> {
        let Some(name) = part.name() else {
            return Err(invalid("a multipart form with a part that has no name"));
        };
        let Some(field) = known_name(name) else {
            return part.skip().map_err(|error| unreadable(&error));
        };
        let read = if part.is_file() {
            self.take_file(field, part)
        } else {
            self.take_text(field, part)
        };
        read.map_err(|_| cut_off(field))
    }

    fn take_text(&mut self, field: &'static str, part: Part<'_>) -> Result<(), Error> {
        if !self.is_first(field) {
            return part.skip();
        }
        match String::from_utf8(part.bytes()?) {
            Ok(text) => {
                self.body.set(field, Ok(Scalar::Text(text)));
            }
            Err(_) if self.body.image_mut(field).is_some() => {
                self.refuse(field, "must be text, or a file that has a name");
            }
            Err(_) => self.refuse(field, "must be valid Unicode text"),
        }
        Ok(())
    }

    fn take_file(&mut self, field: &'static str, part: Part<'_>) -> Result<(), Error> {
        let is_unnamed = part.is_unnamed_file();
        let bytes = part.bytes()?;
        if is_unnamed && bytes.is_empty() || !self.is_first(field) {
            return Ok(());
        }
        match self.body.image_mut(field) {
            None => self.refuse(field, "must be text, not a file"),
            Some(_) if self.has_file => self.refuse(field, "must be the only file"),
            Some(image) => {
                *image = Some(SentImage::File(FaceImage::from(bytes)));
                self.has_file = true;
            }
        }
        Ok(())
    }

    /// Records that the field is there; refuses it when it was there before.
    fn is_first(&mut self, field: &'static str) -> bool {
        let is_first = self.seen.insert(field);
        if !is_first {
            self.refuse(field, "must not be repeated");
        }
        is_first
    }

    /// Records an error, unless the field has one.
    fn refuse(&mut self, field: &'static str, rule: &str) {
        if self.errors.iter().all(|error| error.field != field) {
            self.errors.push(FieldError::new(field, rule));
        }
    }

    fn finish(self) -> Result<RequestBody, ApiError> {
        match self.errors {
            errors if errors.is_empty() => Ok(self.body),
            errors => Err(RequestError { errors }.into()),
        }
    }
}

fn cut_off(field: &'static str) -> ApiError {
    let errors = vec![FieldError::new(
        field,
        "is cut off: the form ends within it",
    )];
    RequestError { errors }.into()
}

fn unreadable(error: &Error) -> ApiError {
    let is_of_header = matches!(
        error,
        Error::IncompleteHeaders
            | Error::ReadHeaderFailed(_)
            | Error::DecodeHeaderName { .. }
            | Error::DecodeHeaderValue { .. }
    );
    invalid(if is_of_header {
        "a multipart form with a part whose header cannot be read"
    } else {
        "a multipart form that ends early or is damaged"
    })
}

fn invalid(received: &'static str) -> ApiError {
    ApiError::InvalidBody {
        received: received.into(),
    }
}
