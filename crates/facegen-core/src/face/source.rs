//! Where the photo of a request comes from.

use super::inline::{self, strip_scheme};
use crate::FieldError;
use crate::redact::{FaceImage, SafeUrl};

/// The name of the field on the wire.
const FIELD: &str = "face_image";

/// The rule that any other text breaks.
const UNKNOWN_KIND: &str = "must be an http or https URL, a data URI or base64";

/// The longest URL in bytes, with room for a presigned link and its session
/// token. It is stored and echoed.
pub const MAX_URL_BYTES: usize = 8192;

/// Where the photo of a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaceSource {
    /// At this URL, to be fetched when the job runs.
    Url(SafeUrl),
    /// In the request itself.
    Inline(FaceImage),
}

impl FaceSource {
    /// Reads the text of `face_image`: an `http` or `https` URL, or what
    /// [`inline::parse`] reads. Whether the URL may be opened is checked when
    /// it is fetched.
    ///
    /// # Errors
    /// Fails when the text is absent, too long, or none of these.
    pub fn parse(text: &str, max_bytes: usize) -> Result<Self, FieldError> {
        let text = text.trim();
        if inline::is_absent(text) {
            return Err(FieldError::new(FIELD, "is required"));
        }
        if let Some(image) = inline::data_uri(FIELD, text, max_bytes) {
            return image.map(Self::Inline);
        }
        if ["http://", "https://"]
            .iter()
            .any(|scheme| strip_scheme(text, scheme).is_some())
        {
            return url(text);
        }
        inline::bare(FIELD, text, max_bytes, UNKNOWN_KIND).map(Self::Inline)
    }

    /// Checks a file that was sent as `face_image` itself.
    ///
    /// # Errors
    /// Fails when the file is empty or longer than `max_bytes`.
    pub fn file(image: FaceImage, max_bytes: usize) -> Result<Self, FieldError> {
        inline::file(FIELD, image, max_bytes).map(Self::Inline)
    }
}

fn url(text: &str) -> Result<FaceSource, FieldError> {
    if text.len() > MAX_URL_BYTES {
        let rule = format!("must not be a URL of more than {MAX_URL_BYTES} characters");
        return Err(FieldError::new(FIELD, rule));
    }
    if text.chars().any(char::is_control) {
        return Err(FieldError::new(FIELD, UNKNOWN_KIND));
    }
    Ok(FaceSource::Url(SafeUrl::from(text)))
}
