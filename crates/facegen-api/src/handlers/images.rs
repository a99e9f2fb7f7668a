//! The images in the answer about a job that has succeeded.

use facegen_core::FileKind;
use facegen_core::Job;
use facegen_jobs::JobError;
use tracing::warn;

use crate::call::SharedContext;
use crate::links::Links;
use crate::{ApiError, Base64Output};

/// Returns the content of `output`: the links to the images, or the images in
/// base64 when the request and the config ask for that. Falls back to links
/// when the images cannot be read, e.g. because their bucket fails.
pub(super) async fn output(state: &SharedContext, job: &Job, links: Links<'_>) -> Vec<String> {
    if !job.request.delivery.base64 || state.config.base64_output == Base64Output::Link {
        return links.images(job);
    }
    texts(state, job).await.unwrap_or_else(|error| {
        warn!(%error, "failed to read base64 of job, links are returned");
        links.images(job)
    })
}

async fn texts(state: &SharedContext, job: &Job) -> Result<Vec<String>, ApiError> {
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
