//! The values that several statements begin with, or one has many of.

use facegen_core::job::{Failure, millis};
use facegen_core::store::{Fence, ImageLocation, StoreError, Success};
use facegen_core::{JobState, Timestamp};
use sqlx::query;

use super::statements::FINISH;
use crate::postgres::database::Statement;
use crate::postgres::text::clean;
use crate::rows::{Images, json, number};

/// A statement whose first values are those of a fence.
pub(super) fn fenced(statement: &'static str, fence: Fence) -> Statement<'static> {
    query(statement)
        .bind(i64::from(fence.id.get()))
        .bind(i64::from(fence.attempt))
}

/// A statement that ends a job without images.
pub(super) fn ending<'q>(
    statement: &'static str,
    state: JobState,
    failure: &'q Failure,
    now: Timestamp,
) -> Statement<'q> {
    query(statement)
        .bind(state.as_str())
        .bind(now.as_millis())
        .bind(failure.code.as_str())
        .bind(clean(&failure.message))
}

/// The statement that ends a job with images.
pub(super) fn finishing(fence: Fence, success: &Success) -> Result<Statement<'_>, StoreError> {
    let (expires_at, upload, link_base) = match &success.location {
        ImageLocation::Directory { expires_at, upload } => {
            (Some(expires_at.as_millis()), *upload, None)
        }
        ImageLocation::Bucket { link_base } => (None, false, Some(link_base)),
    };
    Ok(query(FINISH)
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
        .bind(i64::from(fence.id.get()))
        .bind(i64::from(fence.attempt)))
}
