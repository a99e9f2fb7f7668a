//! The errors of a request, field by field.

use thiserror::Error;

/// One field that is missing or invalid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct FieldError {
    /// The name of the field on the wire.
    pub field: &'static str,
    /// The message for the caller, a whole sentence that names the field.
    pub message: String,
}

impl FieldError {
    /// Creates the error `"FIELD RULE"`, e.g. `"prompt is required"`.
    #[must_use]
    pub fn new(field: &'static str, rule: impl AsRef<str>) -> Self {
        Self {
            field,
            message: format!("{field} {}", rule.as_ref()),
        }
    }
}

/// All errors of one request; never empty.
///
/// `Display` joins all messages.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", join(.errors))]
pub struct RequestError {
    /// One entry for each invalid field, in the order of the documentation.
    pub errors: Vec<FieldError>,
}

fn join(errors: &[FieldError]) -> String {
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    messages.join("; ")
}

/// Collects errors and warnings, so that one invalid field does not hide
/// another.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    pub(crate) errors: Vec<FieldError>,
    pub(crate) warnings: Vec<String>,
}

impl Diagnostics {
    /// Returns the value that was read. Records an error and returns the
    /// default, which is never used because the request is refused.
    pub(crate) fn accept<T: Default>(&mut self, reading: Result<T, FieldError>) -> T {
        reading.unwrap_or_else(|error| {
            self.errors.push(error);
            T::default()
        })
    }

    /// Adds a warning, e.g. about a value that was changed.
    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }
}
