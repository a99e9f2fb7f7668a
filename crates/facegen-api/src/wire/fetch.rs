//! The answer of `fetch`; about a failed job it is that of `make_gen`.

use std::time::Duration;

use facegen_core::Job;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Failed, PROCESSING_TIP, eta};
use crate::links::Links;
use crate::openapi::{examples, words};

/// The current result of a job.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Fetched<'a> {
    Success(FetchSuccess),
    Processing(FetchProcessing),
    Failed(Failed<'a>),
}

/// The job succeeded.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::fetch_success)]
#[serde(deny_unknown_fields)]
pub(crate) struct FetchSuccess {
    #[schema(schema_with = words::success)]
    status: &'static str,
    id: u32,
    /// The links to the images, or the images in base64 if the server is
    /// configured so.
    output: Vec<String>,
}

impl FetchSuccess {
    /// Creates the answer about a job that succeeded.
    pub(crate) fn new(job: &Job, output: Vec<String>) -> Self {
        Self {
            status: "success",
            id: job.id.get(),
            output,
        }
    }
}

/// The job is in progress.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::fetch_processing)]
#[serde(deny_unknown_fields)]
pub(crate) struct FetchProcessing {
    #[schema(schema_with = words::processing)]
    status: &'static str,
    id: u32,
    /// The estimated time until the images are ready, in seconds.
    #[schema(minimum = 1)]
    eta: u64,
    message: &'static str,
    #[schema(value_type = Vec<String>, max_items = 0)]
    output: [&'static str; 0],
    /// The URL at which to fetch the result.
    fetch_result: String,
    tip: &'static str,
}

impl FetchProcessing {
    /// Creates the answer about a job that ends in about `estimate`.
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
