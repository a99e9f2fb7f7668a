//! The known fields of a body.

use facegen_core::redact::Secret;
use facegen_core::request::Scalar;
use facegen_core::{FieldError, RawBucketDetails, RawGenerationRequest, RequestError};

use super::SentImage;

/// The names of the fields outside of the generation itself.
const OWN_NAMES: [&str; 6] = [
    "key",
    "face_image",
    "base64_string",
    "init_image",
    "request_id",
    "id",
];

/// Up to here a float represents every whole number exactly.
const LARGEST_EXACT_FLOAT: f64 = 9_007_199_254_740_992.0;

/// The fields of a body as they were sent. Unknown fields are ignored; of a
/// repeated field the last value counts.
#[derive(Debug, Default)]
pub(crate) struct RequestBody {
    /// The key, when one was sent as text.
    pub(crate) key: Option<Secret<String>>,
    /// The photo or its URL, when it was sent as text or as a file.
    pub(crate) face_image: Option<SentImage>,
    /// An image to store, when it was sent as text or as a file.
    pub(crate) base64_string: Option<SentImage>,
    /// The same under another name.
    pub(crate) init_image: Option<SentImage>,
    /// The parameters of the images.
    pub(crate) generation: RawGenerationRequest,
    /// The bucket that the images are uploaded to.
    pub(crate) bucket: RawBucketDetails,
    /// The id of a job.
    pub(crate) request_id: Scalar,
    /// The same under another name.
    pub(crate) id: Scalar,
    /// The fields whose value has a wrong type.
    pub(crate) errors: Vec<FieldError>,
}

impl RequestBody {
    /// Sets the field `name` to a value, or records the rule that the value
    /// broke; returns whether the name is known. White space around it is
    /// ignored: a published example sends `" track_id"`.
    pub(super) fn set(&mut self, name: &str, value: Result<Scalar, &'static str>) -> bool {
        let name = name.trim();
        let Some(field) = known_name(name) else {
            return false;
        };
        self.errors.retain(|error| error.field != field);
        let value = match value.and_then(|value| check(field, value)) {
            Ok(value) => value,
            Err(rule) => {
                self.errors.push(FieldError::new(field, rule));
                Scalar::Null
            }
        };
        match field {
            "key" => self.key = secret(value),
            "request_id" => self.request_id = value,
            "id" => self.id = value,
            _ => {
                if let Some(image) = self.image_mut(field) {
                    *image = secret(value).map(SentImage::Text);
                    return true;
                }
                let place = self.generation.field_mut(field);
                if let Some(place) = place.or_else(|| self.bucket.field_mut(field)) {
                    *place = value;
                }
            }
        }
        true
    }

    /// Returns the field with this name, if it is one of an image.
    pub(super) fn image_mut(&mut self, name: &str) -> Option<&mut Option<SentImage>> {
        match name {
            "face_image" => Some(&mut self.face_image),
            "base64_string" => Some(&mut self.base64_string),
            "init_image" => Some(&mut self.init_image),
            _ => None,
        }
    }

    /// Returns the id of the job, with the name of its field: `request_id`,
    /// else `id`.
    ///
    /// # Errors
    /// Fails when neither was sent, or with a wrong type.
    pub(crate) fn job(&self) -> Result<(&'static str, &Scalar), RequestError> {
        let named = [("request_id", &self.request_id), ("id", &self.id)];
        if let Some(found) = named.into_iter().find(|(_, value)| !value.is_absent()) {
            return Ok(found);
        }
        let broken = |error: &&FieldError| matches!(error.field, "request_id" | "id");
        let mut errors: Vec<_> = self.errors.iter().filter(broken).cloned().collect();
        if errors.is_empty() {
            errors.push(FieldError::new("request_id", "is required"));
        }
        Err(RequestError { errors })
    }

    /// Returns the image to store, with the name of its field; `name` where
    /// both were sent.
    ///
    /// # Errors
    /// Fails when neither was sent, or with a wrong type.
    pub(crate) fn into_image(
        self,
        name: &'static str,
    ) -> Result<(&'static str, SentImage), RequestError> {
        let mut sent = [
            ("base64_string", self.base64_string),
            ("init_image", self.init_image),
        ];
        sent.sort_by_key(|(field, _)| *field != name);
        let names = sent.each_ref().map(|(field, _)| *field);
        let mut sent = sent.into_iter();
        if let Some(found) = sent.find_map(|(field, image)| Some((field, image?))) {
            return Ok(found);
        }
        let broken = self.errors.into_iter();
        let mut errors: Vec<_> = broken
            .filter(|error| names.contains(&error.field))
            .collect();
        if errors.is_empty() {
            errors.push(FieldError::new(name, "is required"));
        }
        Err(RequestError { errors })
    }
}

/// Returns the name as a `'static` string, if it is that of a field.
pub(super) fn known_name(name: &str) -> Option<&'static str> {
    let known = RawGenerationRequest::NAMES.into_iter().chain(OWN_NAMES);
    let mut known = known.chain(RawBucketDetails::NAMES);
    known.find(|known| *known == name)
}

/// Checks what later parsers can no longer see.
fn check(field: &str, value: Scalar) -> Result<Scalar, &'static str> {
    match (field, &value) {
        (
            "face_image" | "base64_string" | "init_image",
            Scalar::Bool(_) | Scalar::Integer(_) | Scalar::Float(_),
        ) => Err("must be a string"),
        ("key", Scalar::Bool(_) | Scalar::Integer(_) | Scalar::Float(_)) => Err("must be a string"),
        // A receiver of webhooks must get back exactly what the client sent.
        ("track_id", Scalar::Float(number)) if number.abs() > LARGEST_EXACT_FLOAT => {
            Err("must fit into 64 bits, or be a string")
        }
        _ => Ok(value),
    }
}

/// Returns the text, unless it is absent.
fn secret(value: Scalar) -> Option<Secret<String>> {
    match value {
        Scalar::Text(text) if !text.trim().is_empty() && text.trim() != "null" => {
            Some(Secret::new(text))
        }
        Scalar::Null
        | Scalar::Bool(_)
        | Scalar::Integer(_)
        | Scalar::Float(_)
        | Scalar::Text(_) => None,
    }
}
