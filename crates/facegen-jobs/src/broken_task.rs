//! The reason that is logged for a task that panicked or was cancelled.

use tokio::task::JoinError;

/// Returns how a task without a result ended. The panic's message is left out:
/// a panic over a text quotes it, and the text may be a prompt.
pub(crate) fn reason(error: &JoinError) -> &'static str {
    if error.is_panic() {
        "it panicked"
    } else {
        "it was stopped"
    }
}
