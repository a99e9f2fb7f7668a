//! The answer of `make_gen`.

use std::time::Duration;

use facegen_core::Job;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Meta, PROCESSING_TIP, eta};
use crate::Capabilities;
use crate::links::Links;
use crate::openapi::{examples, words};

/// The current result of a request for images.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Generation<'a> {
    Success(Success<'a>),
    Processing(Processing<'a>),
    Failed(Failed<'a>),
}

/// The job succeeded.
#[derive(Serialize, ToSchema)]
#[schema(as = MakeGenSuccess, example = examples::success)]
#[serde(deny_unknown_fields)]
pub(crate) struct Success<'a> {
    #[schema(schema_with = words::success)]
    status: &'static str,
    /// The generation time in seconds.
    #[serde(rename = "generationTime")]
    generation_time: f64,
    id: u32,
    /// The links to the images, or the images in base64 if the server is
    /// configured so.
    output: Vec<String>,
    /// The links to the images.
    proxy_links: Vec<String>,
    meta: Meta<'a>,
}

impl<'a> Success<'a> {
    /// Creates the answer about a job that succeeded.
    pub(crate) fn new(job: &'a Job, links: Links<'_>, capabilities: &Capabilities) -> Self {
        let images = links.images(job);
        Self {
            status: "success",
            generation_time: job.generation_time().unwrap_or_default().as_secs_f64(),
            id: job.id.get(),
            output: images.clone(),
            proxy_links: images,
            meta: Meta::new(job, capabilities),
        }
    }

    /// Replaces the links in `output`.
    pub(crate) fn with_output(self, output: Vec<String>) -> Self {
        Self { output, ..self }
    }
}

/// The job is in progress.
#[derive(Serialize, ToSchema)]
#[schema(as = MakeGenProcessing, example = examples::processing)]
#[serde(deny_unknown_fields)]
pub(crate) struct Processing<'a> {
    #[schema(schema_with = words::processing)]
    status: &'static str,
    tip: &'static str,
    /// The estimated time until the images are ready, in seconds.
    #[schema(minimum = 1)]
    eta: u64,
    message: &'static str,
    /// The URL at which to fetch the result.
    fetch_result: String,
    id: u32,
    #[schema(value_type = Vec<String>, max_items = 0)]
    output: [&'static str; 0],
    /// The links at which the images will be.
    future_links: Vec<String>,
    #[schema(value_type = Vec<String>, max_items = 0)]
    proxy_links: [&'static str; 0],
    meta: Meta<'a>,
}

impl<'a> Processing<'a> {
    /// Creates the answer about a job that ends in about `estimate`.
    pub(crate) fn new(
        job: &'a Job,
        estimate: Duration,
        links: Links<'_>,
        capabilities: &Capabilities,
    ) -> Self {
        Self {
            status: "processing",
            tip: PROCESSING_TIP,
            eta: eta(estimate),
            message: "Try to fetch request after seconds estimated",
            fetch_result: links.fetch(job.id),
            id: job.id.get(),
            output: [],
            future_links: links.images(job),
            proxy_links: [],
            meta: Meta::new(job, capabilities),
        }
    }
}

/// The job failed or was cancelled.
#[derive(Serialize, ToSchema)]
#[schema(as = Failed, example = examples::failed)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failed<'a> {
    #[schema(schema_with = words::failed)]
    status: &'static str,
    id: u32,
    /// The reason.
    message: &'a str,
    #[schema(value_type = Vec<String>, max_items = 0)]
    output: [&'static str; 0],
}

impl<'a> Failed<'a> {
    /// Creates the answer about a job that failed or was cancelled.
    pub(crate) fn new(job: &'a Job) -> Self {
        Self {
            status: "failed",
            id: job.id.get(),
            message: failure_message(job),
            output: [],
        }
    }
}

/// Returns why there are no images.
pub(crate) fn failure_message(job: &Job) -> &str {
    job.failure
        .as_ref()
        .map_or("the generation failed", |failure| failure.message.as_str())
}
