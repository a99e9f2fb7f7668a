//! A row of `generations` as a [`Job`].

use std::time::Duration;

use facegen_core::job::{FaceOrigin, Failure, Job, JobId, Outcome};
use facegen_core::key::KeyId;
use facegen_core::redact::SafeUrl;
use facegen_core::store::StoreError;
use facegen_core::{ErrorCode, FilePrefix, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::sqlite::SqliteRow;

use super::error::Values as _;
use super::images::Images;

/// Reads a row, which must have all columns of the table.
///
/// # Errors
/// Fails when the row holds a value that this program did not write.
pub(crate) fn job(row: &SqliteRow) -> Result<Job, StoreError> {
    let id: i64 = row.value("id")?;
    let unreadable = |column| StoreError::UnreadableRow {
        table: "generations",
        id,
        column,
    };
    let state: &str = row.value("state")?;
    let prefix: &str = row.value("file_prefix")?;
    let face_url: Option<String> = row.value("face_url")?;
    let generation_ms: Option<i64> = row.value("generation_ms")?;
    let moment = |column| -> Result<Option<Timestamp>, StoreError> {
        let millis: Option<i64> = row.value(column)?;
        Ok(millis.map(Timestamp::from_millis))
    };
    let stages: Option<&str> = row.value("stages")?;
    let images: Option<&str> = row.value("images")?;
    let images = match images {
        Some(text) => json(text).and_then(Images::into_records),
        None => Some(Vec::new()),
    };
    let images = images.ok_or_else(|| unreadable("images"))?;
    Ok(Job {
        id: job_id(id).ok_or_else(|| unreadable("id"))?,
        key: KeyId::new(row.value("key_id")?),
        state: name(state).ok_or_else(|| unreadable("state"))?,
        request: json(row.value("request")?).ok_or_else(|| unreadable("request"))?,
        face: face_url.map_or(FaceOrigin::Inline, |url| {
            FaceOrigin::Url(SafeUrl::from(url))
        }),
        file_prefix: FilePrefix::parse(prefix).ok_or_else(|| unreadable("file_prefix"))?,
        base_url: row.value("base_url")?,
        attempt: row.value("attempt")?,
        created_at: Timestamp::from_millis(row.value("created_at")?),
        failure: failure(row)?.map_err(unreadable)?,
        warnings: json(row.value("warnings")?).ok_or_else(|| unreadable("warnings"))?,
        link_base: row.value("link_base")?,
        expires_at: moment("expires_at")?,
        started_at: moment("claimed_at")?,
        finished_at: moment("finished_at")?,
        outcome: match generation_ms {
            Some(generation_ms) => Some(Outcome {
                generation_time: millis(generation_ms),
                stages: stages.and_then(json).unwrap_or_default(),
                images,
                engine: row.value("engine")?,
            }),
            None => None,
        },
        erased_at: moment("erased_at")?,
    })
}

fn failure(row: &SqliteRow) -> Result<Result<Option<Failure>, &'static str>, StoreError> {
    let code: Option<&str> = row.value("failure_code")?;
    let message: Option<String> = row.value("failure_message")?;
    let (Some(code), Some(message)) = (code, message) else {
        return Ok(Ok(None));
    };
    let code: Option<ErrorCode> = name(code);
    Ok(code
        .map(|code| Some(Failure { code, message }))
        .ok_or("failure_code"))
}

/// Returns the id of the job with this number.
pub(crate) fn job_id(number: i64) -> Option<JobId> {
    u32::try_from(number).ok().and_then(JobId::new)
}

/// Converts a column to milliseconds, which are not negative.
pub(crate) fn millis(number: i64) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}

/// Parses the name of a value.
fn name<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(Value::from(text)).ok()
}

/// Parses JSON. The error is dropped, because it could quote the row.
fn json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}
