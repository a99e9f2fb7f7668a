//! Texts as PostgreSQL has them.

use std::borrow::Cow;

/// Returns the text without the one character that PostgreSQL does not take.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}
