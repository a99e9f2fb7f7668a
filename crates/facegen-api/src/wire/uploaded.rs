//! What is answered to those who send an image to get a link.

use facegen_jobs::Uploaded;
use serde::Serialize;
use utoipa::ToSchema;

use crate::links::Links;
use crate::openapi::{examples, words};

/// The image is kept.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::image_kept)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImageKept {
    #[schema(schema_with = words::success)]
    status: &'static str,
    /// Its number, which is that of no job.
    id: u32,
    /// The link to it.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 1)]
    output: [String; 1],
}

impl ImageKept {
    /// The answer about this image.
    pub(crate) fn new(uploaded: &Uploaded, links: Links<'_>) -> Self {
        Self {
            status: "success",
            id: uploaded.id,
            output: [links.file(&uploaded.file)],
        }
    }
}
