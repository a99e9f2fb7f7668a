//! Images in the fields of a body.

use facegen_core::face::inline;
use facegen_core::redact::{FaceImage, Secret};
use facegen_core::{FaceSource, FieldError};

/// An image as it was sent.
#[derive(Debug)]
pub(crate) enum SentImage {
    /// As a URL, a data URI or base64.
    Text(Secret<String>),
    /// As the file itself, in a part of a multipart form.
    File(FaceImage),
}

impl SentImage {
    /// Reads the image as the photo of a request.
    ///
    /// # Errors
    /// Fails when the text is neither a URL nor an image, or the file is empty
    /// or longer than `max_bytes`.
    pub(crate) fn into_face(self, max_bytes: usize) -> Result<FaceSource, FieldError> {
        match self {
            Self::Text(text) => FaceSource::parse(text.expose(), max_bytes),
            Self::File(image) => FaceSource::file(image, max_bytes),
        }
    }

    /// Reads the image as the file that it is.
    ///
    /// # Errors
    /// Fails when the text is no image, or the file is empty or longer than
    /// `max_bytes`.
    pub(crate) fn into_file(
        self,
        field: &'static str,
        max_bytes: usize,
    ) -> Result<FaceImage, FieldError> {
        match self {
            Self::Text(text) => inline::parse(field, text.expose(), max_bytes),
            Self::File(image) => inline::file(field, image, max_bytes),
        }
    }
}
