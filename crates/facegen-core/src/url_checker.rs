//! The port that judges URLs before anything is asked of them.

use std::fmt;

use crate::redact::SafeUrl;

/// Tells from its text whether a URL that a caller names may be opened.
pub trait UrlChecker: fmt::Debug + Send + Sync {
    /// Judges the text alone: no name is resolved.
    ///
    /// # Errors
    /// The rule that the text breaks, to be put behind the name of a field, e.g.
    /// `"must be an http or https URL"`.
    fn judge_text(&self, url: &SafeUrl) -> Result<(), String>;
}
