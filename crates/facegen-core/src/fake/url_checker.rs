//! A fake network in which every URL may be opened.

use crate::UrlChecker;
use crate::redact::SafeUrl;

/// Lets every URL pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnyUrl;

impl UrlChecker for AnyUrl {
    fn judge_text(&self, _: &SafeUrl) -> Result<(), String> {
        Ok(())
    }
}
