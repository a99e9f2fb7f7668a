//! The values that several statements begin with, or one has many of.

use facegen_core::job::{Failure, millis};
use facegen_core::store::{Fence, ImageLocation, StoreError, Success};
use facegen_core::{JobState, Timestamp};

use super::statements::FINISH;
use crate::rows::{Images, json, number};
use crate::sqlite::database::Statement;

/// A statement that ends a job without images.
pub(super) fn ending<'q>(
    statement: &'static str,
    state: JobState,
    failure: &'q Failure,
    now: Timestamp,
) -> Statement<'q> {
    sqlx::query(statement)
        .bind(state.as_str())
        .bind(now.as_millis())
        .bind(failure.code.as_str())
        .bind(&failure.message)
}

/// The statement that ends a job with images.
pub(super) fn finishing(fence: Fence, success: &Success) -> Result<Statement<'_>, StoreError> {
    let (expires_at, upload, link_base) = match &success.location {
        ImageLocation::Directory { expires_at, upload } => {
            (Some(expires_at.as_millis()), *upload, None)
        }
        ImageLocation::Bucket { link_base } => (None, false, Some(link_base)),
    };
    Ok(sqlx::query(FINISH)
        .bind(JobState::Succeeded.as_str())
        .bind(success.now.as_millis())
        .bind(number(millis(success.outcome.generation_time)))
        .bind(expires_at)
        .bind(upload)
        .bind(link_base)
        .bind(json("warnings", &success.warnings)?)
        .bind(json("stages", &success.outcome.stages)?)
        .bind(json("images", &Images::from(&success.outcome))?)
        .bind(success.outcome.engine.as_deref())
        .bind(fence.id.get())
        .bind(fence.attempt))
}
