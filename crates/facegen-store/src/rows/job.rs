//! A row of `generations` as a [`Job`].

use facegen_core::job::{FaceOrigin, Failure, Job, Outcome};
use facegen_core::key::KeyId;
use facegen_core::redact::SafeUrl;
use facegen_core::store::{Claim, Fence, StoreError};
use facegen_core::{ErrorCode, FilePrefix, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::values::job_id;
use super::{Columns, Images, millis};

/// Reads a row, which must have all columns of the table.
///
/// # Errors
/// The row holds what this program did not write.
pub(crate) fn job(row: &impl Columns) -> Result<Job, StoreError> {
    let id = row.int("id")?;
    let unreadable = |column| StoreError::UnreadableRow {
        table: "generations",
        id,
        column,
    };
    let state = row.text("state")?;
    let prefix = row.text("file_prefix")?;
    let face_url = row.text_or_null("face_url")?;
    let generation_ms = row.int_or_null("generation_ms")?;
    let moment = |column| -> Result<Option<Timestamp>, StoreError> {
        Ok(row.int_or_null(column)?.map(Timestamp::from_millis))
    };
    let stages = row.text_or_null("stages")?;
    let images = match row.text_or_null("images")? {
        Some(text) => json(text).and_then(Images::into_records),
        None => Some(Vec::new()),
    };
    let images = images.ok_or_else(|| unreadable("images"))?;
    Ok(Job {
        id: job_id(id).ok_or_else(|| unreadable("id"))?,
        key: KeyId::new(row.int("key_id")?),
        state: name(state).ok_or_else(|| unreadable("state"))?,
        request: json(row.text("request")?).ok_or_else(|| unreadable("request"))?,
        face: face_url.map_or(FaceOrigin::Inline, |url| {
            FaceOrigin::Url(SafeUrl::from(url.to_owned()))
        }),
        file_prefix: FilePrefix::parse(prefix).ok_or_else(|| unreadable("file_prefix"))?,
        base_url: row.text("base_url")?.to_owned(),
        attempt: row.small("attempt")?,
        created_at: Timestamp::from_millis(row.int("created_at")?),
        failure: failure(row)?.map_err(unreadable)?,
        warnings: json(row.text("warnings")?).ok_or_else(|| unreadable("warnings"))?,
        link_base: row.text_or_null("link_base")?.map(str::to_owned),
        expires_at: moment("expires_at")?,
        started_at: moment("claimed_at")?,
        finished_at: moment("finished_at")?,
        outcome: match generation_ms {
            Some(generation_ms) => Some(Outcome {
                generation_time: millis(generation_ms),
                stages: stages.and_then(json).unwrap_or_default(),
                images,
                engine: row.text_or_null("engine")?.map(str::to_owned),
            }),
            None => None,
        },
        erased_at: moment("erased_at")?,
    })
}

/// What a claim returns.
pub(crate) fn claim(row: &impl Columns) -> Result<Claim, StoreError> {
    let job = job(row)?;
    Ok(Claim {
        fence: Fence {
            id: job.id,
            attempt: job.attempt,
        },
        job,
        crash_count: row.small("crashes")? + row.small("kills")?,
    })
}

fn failure(row: &impl Columns) -> Result<Result<Option<Failure>, &'static str>, StoreError> {
    let code = row.text_or_null("failure_code")?;
    let message = row.text_or_null("failure_message")?;
    let (Some(code), Some(message)) = (code, message.map(str::to_owned)) else {
        return Ok(Ok(None));
    };
    let code: Option<ErrorCode> = name(code);
    Ok(code
        .map(|code| Some(Failure { code, message }))
        .ok_or("failure_code"))
}

/// The value whose name this is.
fn name<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(Value::from(text)).ok()
}

/// Parses JSON. The error is dropped, because it could quote the row.
fn json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}
