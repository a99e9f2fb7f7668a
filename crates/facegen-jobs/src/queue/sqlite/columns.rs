//! Values as rows hold them.

use serde::Serialize;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::job::JobId;
use crate::queue::{Claim, Fence};
use crate::store::{StoreError, row};

/// What `CLAIM` returns.
pub(super) fn claim(row: &SqliteRow) -> Result<Claim, StoreError> {
    let job = row::job(row)?;
    Ok(Claim {
        fence: Fence {
            id: job.id,
            attempt: job.attempt,
        },
        job,
        breakdowns: row.try_get::<u32, _>("breakdowns")? + row.try_get::<u32, _>("kills")?,
    })
}

/// The id of a job.
pub(super) fn id(row: &SqliteRow) -> Result<JobId, StoreError> {
    let id: i64 = row.try_get("id")?;
    row::job_id(id).ok_or(StoreError::UnreadableRow {
        table: "generations",
        id,
        column: "id",
    })
}

/// What is kept as JSON.
pub(super) fn json(what: &'static str, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Json(what))
}

/// A cost as rows hold it.
pub(super) fn number(cost: u64) -> i64 {
    i64::try_from(cost).unwrap_or(i64::MAX)
}

/// A cost that a row holds.
pub(super) fn amount(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
