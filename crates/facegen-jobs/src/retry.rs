//! Retries with growing pauses.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::{Instant, sleep};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Calls until it succeeds, with growing pauses, and returns the last error
/// after `patience`.
pub(crate) async fn retry<T, E, F>(
    patience: Duration,
    what: &'static str,
    mut call: impl FnMut() -> F,
) -> Result<T, E>
where
    E: Display,
    F: Future<Output = Result<T, E>>,
{
    let until = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    loop {
        match call().await {
            Err(error) if Instant::now() + pause < until => {
                tracing::warn!(%error, "failed to {what}, will be retried");
                sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
            result => return result,
        }
    }
}
