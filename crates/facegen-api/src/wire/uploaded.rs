//! The answer to an upload.

use facegen_jobs::Uploaded;
use serde::Serialize;
use utoipa::ToSchema;

use crate::links::Links;
use crate::openapi::{examples, words};

/// The image is stored.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::image_kept)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImageKept {
    #[schema(schema_with = words::success)]
    status: &'static str,
    /// Its id, which is never that of a job.
    id: u32,
    /// The link to it.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 1)]
    output: [String; 1],
}

impl ImageKept {
    /// Creates the answer about this upload.
    pub(crate) fn new(uploaded: &Uploaded, links: Links<'_>) -> Self {
        Self {
            status: "success",
            id: uploaded.id,
            output: [links.file(&uploaded.file)],
        }
    }
}
