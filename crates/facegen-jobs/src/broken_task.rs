//! What is said of a task that broke down.

use tokio::task::JoinError;

/// How a task ended that gave no result. The message of its panic is not
/// told: a panic over a text quotes it, and the text may be a prompt.
pub(crate) fn reason(error: &JoinError) -> &'static str {
    if error.is_panic() {
        "it panicked"
    } else {
        "it was stopped"
    }
}
