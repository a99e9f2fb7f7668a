//! Conversions between values and columns.

use serde::Serialize;
use sqlx::sqlite::SqliteRow;

use facegen_core::job::JobId;
use facegen_core::store::StoreError;
use facegen_core::store::{Claim, Fence};

use super::super::error::Values as _;
use super::super::row;

/// Reads the row that `CLAIM` returns.
pub(crate) fn claim(row: &SqliteRow) -> Result<Claim, StoreError> {
    let job = row::job(row)?;
    Ok(Claim {
        fence: Fence {
            id: job.id,
            attempt: job.attempt,
        },
        job,
        crash_count: row.value::<u32>("crashes")? + row.value::<u32>("kills")?,
    })
}

/// Reads the id of a job.
pub(crate) fn id(row: &SqliteRow) -> Result<JobId, StoreError> {
    let id: i64 = row.value("id")?;
    row::job_id(id).ok_or(StoreError::UnreadableRow {
        table: "generations",
        id,
        column: "id",
    })
}

/// Serializes a value as JSON.
pub(crate) fn json(what: &'static str, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Json(what))
}

/// Converts a cost to a column.
pub(crate) fn number(cost: u64) -> i64 {
    i64::try_from(cost).unwrap_or(i64::MAX)
}

/// Converts a column to a cost.
pub(crate) fn amount(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
