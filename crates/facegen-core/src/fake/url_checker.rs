//! A fake of the port that checks URLs.

use crate::UrlChecker;
use crate::redact::SafeUrl;

/// Accepts every URL.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnyUrl;

impl UrlChecker for AnyUrl {
    fn judge_text(&self, _: &SafeUrl) -> Result<(), String> {
        Ok(())
    }
}
