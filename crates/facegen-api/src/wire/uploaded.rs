//! What is answered to those who send a picture to get a link.

use facegen_jobs::Uploaded;
use serde::Serialize;
use utoipa::ToSchema;

use crate::links::Links;
use crate::openapi::{examples, words};

/// The picture is kept.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::picture_kept)]
#[serde(deny_unknown_fields)]
pub(crate) struct PictureKept {
    #[schema(schema_with = words::success)]
    status: &'static str,
    /// Its number, which is that of no job.
    id: u32,
    /// The link to it.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 1)]
    output: [String; 1],
}

impl PictureKept {
    /// The answer about this picture.
    pub(crate) fn new(uploaded: &Uploaded, links: Links<'_>) -> Self {
        Self {
            status: "success",
            id: uploaded.id,
            output: [links.file(&uploaded.file)],
        }
    }
}
