//! Erases jobs.

use facegen_core::Timestamp;
use facegen_core::job::JobId;
use facegen_core::key::KeyId;
use facegen_core::store::StoreError;

use super::super::database::Database;
use super::statements::ERASE;
use crate::rows::failed;

/// Erases the personal data in the row of an ended job, and drops a queued
/// upload. Returns false when there is no such job.
pub(super) async fn erase(
    store: &Database,
    key: KeyId,
    id: JobId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut transaction = store.writer.begin().await?;
    let done = sqlx::query(ERASE)
        .bind(now.as_millis())
        .bind(now.as_millis())
        .bind(id.get())
        .bind(key.get())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    let erased = done.rows_affected() == 1;
    if erased {
        sqlx::query(
            "DELETE FROM deliveries
             WHERE generation_id = ? AND kind = 'upload' AND state = 'queued'",
        )
        .bind(id.get())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)?;
    Ok(erased)
}
