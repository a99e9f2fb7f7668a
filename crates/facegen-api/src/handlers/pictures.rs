//! What callers get of a job that has succeeded.

use facegen_core::{FileKind, JobState};
use facegen_jobs::{Job, JobError};

use crate::call::SharedState;
use crate::links::Links;
use crate::{ApiError, Base64Output};

/// Refuses a job whose pictures were there and have gone.
pub(super) fn have_not_gone(state: &SharedState, job: &Job) -> Result<(), ApiError> {
    if job.state != JobState::Succeeded {
        return Ok(());
    }
    if job.removed_at.is_some() {
        return Err(ApiError::Erased);
    }
    if job.has_expired(state.clock.now()) {
        let keep = state.config.keep_pictures;
        return Err(ApiError::Expired { keep });
    }
    Ok(())
}

/// What `output` holds: the links to the pictures, or the pictures themselves,
/// when their caller wants them as base64 and the operator wants that in
/// answers.
pub(super) async fn output(
    state: &SharedState,
    job: &Job,
    links: Links<'_>,
) -> Result<Vec<String>, ApiError> {
    if !job.request.base64() || state.config.base64_output == Base64Output::Link {
        return Ok(links.pictures(job));
    }
    let mut texts = Vec::new();
    for name in job.files() {
        if name.kind == FileKind::Base64 {
            let bytes = state.jobs.read(&name).await?;
            let bytes = bytes.ok_or(ApiError::UnknownFile)?;
            let text = String::from_utf8(bytes);
            texts.push(text.map_err(|_| JobError::BrokeDown("a file of base64 holds no text"))?);
        }
    }
    Ok(texts)
}
