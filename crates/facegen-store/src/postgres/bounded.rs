//! How long an answer of the database is waited for.

use std::future::Future;
use std::io;
use std::time::Duration;

use sqlx::Error;
use tokio::time::timeout;

/// How long a statement or a whole transaction may take until its connection
/// counts as lost; longer than the database itself lets a statement take.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(70);

/// Waits for an answer of something that is not a connection of the pool, but not
/// for ever.
pub(super) async fn bounded<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let answer = timeout(limit, answer).await;
    answer.unwrap_or_else(|_| Err(timed_out()))
}

/// What is said of a database that does not answer.
pub(super) fn timed_out() -> Error {
    let text = "the database has not answered in time";
    Error::Io(io::Error::new(io::ErrorKind::TimedOut, text))
}
