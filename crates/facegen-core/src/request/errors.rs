//! What is wrong with a request, field by field.

use thiserror::Error;

/// One field that is missing or cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct FieldError {
    /// The field's name on the wire.
    pub field: &'static str,
    /// The whole sentence for the caller; it names the field.
    pub message: String,
}

impl FieldError {
    /// The error `"FIELD RULE"`, e.g. `"prompt is required"`.
    #[must_use]
    pub fn new(field: &'static str, rule: impl AsRef<str>) -> Self {
        Self {
            field,
            message: format!("{field} {}", rule.as_ref()),
        }
    }
}

/// Everything that is wrong with one request; never empty.
///
/// `Display` joins the messages, so that a caller who reads only one text
/// learns of all of them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", join(.errors))]
pub struct RequestError {
    /// One entry for each wrong field, in the order of the documentation.
    pub errors: Vec<FieldError>,
}

fn join(errors: &[FieldError]) -> String {
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    messages.join("; ")
}

/// Collects what the parser finds, so that one bad field does not hide another.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    pub(crate) errors: Vec<FieldError>,
    pub(crate) warnings: Vec<String>,
}

impl Diagnostics {
    /// The value that was read; on an error notes it and goes on with the
    /// default, which nobody sees because the request is refused.
    pub(crate) fn accept<T: Default>(&mut self, reading: Result<T, FieldError>) -> T {
        reading.unwrap_or_else(|error| {
            self.errors.push(error);
            T::default()
        })
    }

    /// Tells the caller of a value that was changed.
    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }
}
