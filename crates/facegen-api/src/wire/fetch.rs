//! What `fetch` answers; about a job that failed it answers as `make_gen` does.

use std::time::Duration;

use facegen_core::Job;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Failed, PROCESSING_TIP, eta};
use crate::links::Links;
use crate::openapi::{examples, words};

/// What came of a job by now.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Fetched<'a> {
    Success(FetchSuccess),
    Processing(FetchProcessing),
    Failed(Failed<'a>),
}

/// The images are there.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::fetch_success)]
#[serde(deny_unknown_fields)]
pub(crate) struct FetchSuccess {
    #[schema(schema_with = words::success)]
    status: &'static str,
    id: u32,
    /// The links to the images, or their base64 on servers that answer so.
    output: Vec<String>,
}

impl FetchSuccess {
    /// The answer about a job that has succeeded.
    pub(crate) fn new(job: &Job, output: Vec<String>) -> Self {
        Self {
            status: "success",
            id: job.id.get(),
            output,
        }
    }
}

/// The images are being made.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::fetch_processing)]
#[serde(deny_unknown_fields)]
pub(crate) struct FetchProcessing {
    #[schema(schema_with = words::processing)]
    status: &'static str,
    id: u32,
    /// When the images will be there, in seconds.
    #[schema(minimum = 1)]
    eta: u64,
    message: &'static str,
    #[schema(value_type = Vec<String>, max_items = 0)]
    output: [&'static str; 0],
    /// Where to ask again.
    fetch_result: String,
    tip: &'static str,
}

impl FetchProcessing {
    /// The answer about a job that will have ended after `estimate`.
    pub(crate) fn new(job: &Job, estimate: Duration, links: Links<'_>) -> Self {
        Self {
            status: "processing",
            id: job.id.get(),
            eta: eta(estimate),
            message: "try again later.",
            output: [],
            fetch_result: links.fetch(job.id),
            tip: PROCESSING_TIP,
        }
    }
}
