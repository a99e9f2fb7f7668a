//! Values as rows hold them.

use std::time::Duration;

use facegen_core::job::JobId;
use facegen_core::store::{QueueFull, StoreError};
use serde::Serialize;

use super::Columns;

/// The id of a job.
pub(crate) fn id(row: &impl Columns) -> Result<JobId, StoreError> {
    let id = row.int("id")?;
    job_id(id).ok_or(StoreError::UnreadableRow {
        table: "generations",
        id,
        column: "id",
    })
}

/// The job with this number.
pub(super) fn job_id(number: i64) -> Option<JobId> {
    u32::try_from(number).ok().and_then(JobId::new)
}

/// What is kept as JSON.
pub(crate) fn json(what: &'static str, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Json(what))
}

/// A cost as rows hold it.
pub(crate) fn number(cost: u64) -> i64 {
    i64::try_from(cost).unwrap_or(i64::MAX)
}

/// A cost that a row holds.
pub(crate) fn amount(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A number of bytes as rows hold it.
pub(crate) fn integer(bytes: impl TryInto<i64>) -> i64 {
    bytes.try_into().unwrap_or(i64::MAX)
}

/// A number of milliseconds as rows hold it; none is negative.
pub(crate) fn millis(number: i64) -> Duration {
    Duration::from_millis(amount(number))
}

/// Whether one job more may wait, when so many do and this is the key's share.
pub(crate) fn check_room((all, own, share): (u32, u32, u32), limit: u32) -> Result<(), QueueFull> {
    if all >= limit {
        Err(QueueFull(limit))
    } else if share > 0 && own >= share {
        Err(QueueFull(share))
    } else {
        Ok(())
    }
}
