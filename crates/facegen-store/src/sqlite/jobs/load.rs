//! The load: queued and running work.

use facegen_core::store::Load;
use facegen_core::store::StoreError;

use super::super::database::Database;
use crate::rows::{Columns as _, amount, failed, id};

/// Returns the given queued work with the running jobs.
pub(crate) async fn behind(waiting: i64, store: &Database) -> Result<Load, StoreError> {
    let running = sqlx::query("SELECT id, cost FROM generations WHERE state = 'running'")
        .fetch_all(&store.readers)
        .await
        .map_err(failed)?;
    let running = running
        .iter()
        .map(|row| Ok((id(row)?, amount(row.int("cost")?))));
    Ok(Load {
        waiting: amount(waiting),
        running: running.collect::<Result<_, StoreError>>()?,
    })
}
