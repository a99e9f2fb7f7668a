//! How long an answer of the database is waited for.

use std::time::Duration;

use facegen_core::store::StoreError;
use sqlx::Error;
use tokio::time::timeout;

use crate::rows::failed;

/// How long a statement may take until its connection counts as lost; longer than
/// the database itself lets it take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(70);

/// Waits for an answer, but not for ever: a host that vanishes answers nothing.
pub(super) async fn bounded<T>(
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, StoreError> {
    let answer = timeout(STATEMENT_TIMEOUT, answer).await;
    answer
        .map_err(|_| failed(Error::PoolTimedOut))?
        .map_err(failed)
}
