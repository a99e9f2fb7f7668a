//! Whether anything can be written is asked again once there is reason to doubt it.

use std::sync::Arc;

use facegen_core::store::StoreError;
use sqlx::Error;
use tokio::sync::Notify;

/// Doubt that a database can be written to. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubt(Arc<Notify>);

impl Doubt {
    /// Casts doubt on the database if it failed.
    pub(super) fn noted<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Database(cause)) = &result
            && cause.downcast_ref().is_none_or(is_doubtful)
        {
            self.0.notify_one();
        }
        result
    }

    /// Returns once doubt was cast.
    pub(super) async fn cast(&self) {
        self.0.notified().await;
    }
}

/// Whether the database failed, rather than a statement because of what it says.
fn is_doubtful(error: &Error) -> bool {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all others are faults of a statement or of what it returns"
    )]
    match error {
        Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            // Wrong values, broken constraints, deadlocks.
            !["22", "23", "40"]
                .iter()
                .any(|class| code.starts_with(class))
        }
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::BeginFailed => true,
        _ => false,
    }
}
