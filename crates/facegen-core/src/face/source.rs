//! Where the photograph of a request comes from.

use super::base64::{self, Base64Error};
use crate::FieldError;
use crate::redact::{FaceImage, SafeUrl};

/// The field's name on the wire.
const FIELD: &str = "face_image";

/// The longest URL in bytes, with room for a presigned link and its session
/// token. It is stored and echoed.
pub const MAX_URL_BYTES: usize = 8192;

/// Where the photograph of a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaceSource {
    /// Behind this URL, to be fetched when the job runs.
    Url(SafeUrl),
    /// In the request itself.
    Inline(FaceImage),
}

impl FaceSource {
    /// Reads the text of `face_image`: an `http` or `https` URL, a data URI, or
    /// bare base64 of the file. White space around it does not matter; base64
    /// may use either alphabet, lack its padding, and have white space within.
    /// The MIME type of a data URI does not count, the file's first bytes do.
    ///
    /// The length of an inline file is measured before it is decoded, against
    /// `max_bytes` of the file. Whether the URL may be opened is found out
    /// when it is.
    ///
    /// # Errors
    /// The text is absent, too long, or none of the three.
    pub fn parse(text: &str, max_bytes: usize) -> Result<Self, FieldError> {
        let text = text.trim();
        if matches!(text, "" | "null") {
            return Err(FieldError::new(FIELD, "is required"));
        }
        if let Some(rest) = strip_scheme(text, "data:") {
            return data_uri(rest, max_bytes);
        }
        if ["http://", "https://"]
            .iter()
            .any(|scheme| strip_scheme(text, scheme).is_some())
        {
            return url(text);
        }
        if let Some(bytes) = base64::decode_plain(text, max_bytes) {
            return Ok(Self::Inline(FaceImage::from(bytes)));
        }
        match base64::decode(text.bytes(), max_bytes) {
            Ok(bytes) => Ok(Self::Inline(FaceImage::from(bytes))),
            Err(Base64Error::Symbol) => Err(unknown_kind()),
            Err(error) => Err(refusal(error, max_bytes)),
        }
    }
}

fn url(text: &str) -> Result<FaceSource, FieldError> {
    if text.len() > MAX_URL_BYTES {
        let rule = format!("must not be a URL of more than {MAX_URL_BYTES} characters");
        return Err(FieldError::new(FIELD, rule));
    }
    if text.chars().any(char::is_control) {
        return Err(unknown_kind());
    }
    Ok(FaceSource::Url(SafeUrl::from(text)))
}

/// Reads what follows `data:`, `[MIME][;PARAMETER]…;base64,PAYLOAD` (RFC 2397).
fn data_uri(rest: &str, max_bytes: usize) -> Result<FaceSource, FieldError> {
    let is_base64 = |header: &str| {
        let last = header.rsplit(';').next().unwrap_or_default();
        header.contains(';') && last.trim().eq_ignore_ascii_case("base64")
    };
    let payload = match rest.split_once(',') {
        Some((header, payload)) if is_base64(header) => payload,
        _ => return Err(FieldError::new(FIELD, "must be base64 in its data URI")),
    };
    let image = match base64::decode_plain(payload, max_bytes) {
        Some(bytes) => Ok(bytes),
        None => base64::decode(base64::unescape(payload), max_bytes),
    };
    image
        .map(|bytes| FaceSource::Inline(FaceImage::from(bytes)))
        .map_err(|error| refusal(error, max_bytes))
}

fn refusal(error: Base64Error, max_bytes: usize) -> FieldError {
    match error {
        Base64Error::Empty => FieldError::new(FIELD, "is empty"),
        Base64Error::TooLong => {
            let rule = format!("must not be longer than {} MB", max_bytes as f64 / 1e6);
            FieldError::new(FIELD, rule)
        }
        Base64Error::Symbol | Base64Error::Malformed => {
            FieldError::new(FIELD, "is not valid base64")
        }
    }
}

fn unknown_kind() -> FieldError {
    FieldError::new(FIELD, "must be an http or https URL, a data URI or base64")
}

/// What follows `scheme`, in whatever case it is written.
fn strip_scheme<'t>(text: &'t str, scheme: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}
