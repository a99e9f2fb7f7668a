//! Photos that are sent in the request: as data URIs, bare base64 or files.

use super::base64::{self, Base64Error};
use crate::FieldError;
use crate::redact::FaceImage;

/// Reads the text of `field`: a data URI, or bare base64 of the file. White
/// space around it is ignored; base64 may use either alphabet, lack its
/// padding, and contain white space. The MIME type of a data URI is ignored;
/// the file's first bytes decide.
///
/// The length of the file is checked against `max_bytes` before it is decoded.
///
/// # Errors
/// Fails when the text is absent, too long, or neither of the two.
pub fn parse(field: &'static str, text: &str, max_bytes: usize) -> Result<FaceImage, FieldError> {
    let text = text.trim();
    if is_absent(text) {
        return Err(FieldError::new(field, "is required"));
    }
    match data_uri(field, text, max_bytes) {
        Some(image) => image,
        None => bare(field, text, max_bytes, "must be a data URI or base64"),
    }
}

/// Checks a file that was sent in `field` as it is, as [`parse`] checks one in
/// base64.
///
/// # Errors
/// Fails when the file is empty or longer than `max_bytes`.
pub fn file(
    field: &'static str,
    image: FaceImage,
    max_bytes: usize,
) -> Result<FaceImage, FieldError> {
    match image.bytes().len() {
        0 => Err(refusal(field, Base64Error::Empty, max_bytes)),
        length if length > max_bytes => Err(refusal(field, Base64Error::TooLong, max_bytes)),
        _ => Ok(image),
    }
}

/// Returns whether a trimmed text counts as absent.
pub(super) fn is_absent(text: &str) -> bool {
    matches!(text, "" | "null")
}

/// Decodes `text` as bare base64; `otherwise` is the rule for the error when it
/// is something else.
pub(super) fn bare(
    field: &'static str,
    text: &str,
    max_bytes: usize,
    otherwise: &str,
) -> Result<FaceImage, FieldError> {
    let bytes = match base64::decode_plain(text, max_bytes) {
        Some(bytes) => Ok(bytes),
        None => base64::decode(text.bytes(), max_bytes),
    };
    if let Err(Base64Error::Symbol) = bytes {
        return Err(FieldError::new(field, otherwise));
    }
    let image = bytes.map(FaceImage::from);
    image.map_err(|error| refusal(field, error, max_bytes))
}

/// Decodes `text`, if it is a data URI:
/// `data:[MIME][;PARAMETER]…;base64,PAYLOAD` (RFC 2397).
pub(super) fn data_uri(
    field: &'static str,
    text: &str,
    max_bytes: usize,
) -> Option<Result<FaceImage, FieldError>> {
    let rest = strip_scheme(text, "data:")?;
    let is_base64 = |header: &str| {
        let last = header.rsplit(';').next().unwrap_or_default();
        header.contains(';') && last.trim().eq_ignore_ascii_case("base64")
    };
    let payload = match rest.split_once(',') {
        Some((header, payload)) if is_base64(header) => payload,
        _ => {
            return Some(Err(FieldError::new(
                field,
                "must be base64 in its data URI",
            )));
        }
    };
    let bytes = match base64::decode_plain(payload, max_bytes) {
        Some(bytes) => Ok(bytes),
        None => base64::decode(base64::unescape(payload), max_bytes),
    };
    let image = bytes.map(FaceImage::from);
    Some(image.map_err(|error| refusal(field, error, max_bytes)))
}

fn refusal(field: &'static str, error: Base64Error, max_bytes: usize) -> FieldError {
    match error {
        Base64Error::Empty => FieldError::new(field, "is empty"),
        Base64Error::TooLong => {
            let rule = format!("must not be longer than {} MB", max_bytes as f64 / 1e6);
            FieldError::new(field, rule)
        }
        Base64Error::Symbol | Base64Error::Malformed => {
            FieldError::new(field, "is not valid base64")
        }
    }
}

/// Returns what follows `scheme`, ignoring its case.
pub(super) fn strip_scheme<'t>(text: &'t str, scheme: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}
