//! The port that checks URLs before they are requested.

use std::fmt;

use crate::redact::SafeUrl;

/// Checks whether a URL that a caller sent may be opened.
pub trait UrlChecker: fmt::Debug + Send + Sync {
    /// Checks the text only: no name is resolved.
    ///
    /// # Errors
    /// Returns the rule that the text breaks, to follow the name of a field,
    /// e.g. `"must be an http or https URL"`.
    fn judge_text(&self, url: &SafeUrl) -> Result<(), String>;
}
