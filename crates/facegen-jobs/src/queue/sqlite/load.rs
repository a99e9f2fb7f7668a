//! What is to be done.

use sqlx::Row as _;

use super::columns::{amount, id};
use crate::queue::Load;
use crate::store::{Store, StoreError};

/// What waits, beside what is being done.
pub(super) async fn behind(waiting: i64, store: &Store) -> Result<Load, StoreError> {
    let running = sqlx::query("SELECT id, cost FROM generations WHERE state = 'running'")
        .fetch_all(&store.readers)
        .await?;
    let running = running
        .iter()
        .map(|row| Ok((id(row)?, amount(row.try_get("cost")?))));
    Ok(Load {
        waiting: amount(waiting),
        running: running.collect::<Result<_, StoreError>>()?,
    })
}
