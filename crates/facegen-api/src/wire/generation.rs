//! What `make_gen` answers.

use std::time::Duration;

use facegen_jobs::Job;
use serde::Serialize;

use super::{Meta, PROCESSING_TIP, eta};
use crate::Capabilities;
use crate::links::Links;

/// The pictures are there.
#[derive(Serialize)]
pub(crate) struct Success<'a> {
    status: &'static str,
    /// In seconds.
    #[serde(rename = "generationTime")]
    generation_time: f64,
    id: u32,
    output: Vec<String>,
    proxy_links: Vec<String>,
    meta: Meta<'a>,
}

impl<'a> Success<'a> {
    /// The answer about a job that has succeeded.
    pub(crate) fn new(job: &'a Job, links: Links<'_>, capabilities: &Capabilities) -> Self {
        let pictures = links.pictures(job);
        Self {
            status: "success",
            generation_time: job.generation_time.unwrap_or_default().as_secs_f64(),
            id: job.id.get(),
            output: pictures.clone(),
            proxy_links: pictures,
            meta: Meta::new(job, capabilities),
        }
    }
}

/// The pictures are being made.
#[derive(Serialize)]
pub(crate) struct Processing<'a> {
    status: &'static str,
    tip: &'static str,
    /// In seconds.
    eta: u64,
    message: &'static str,
    fetch_result: String,
    id: u32,
    output: [&'static str; 0],
    future_links: Vec<String>,
    proxy_links: [&'static str; 0],
    meta: Meta<'a>,
}

impl<'a> Processing<'a> {
    /// The answer about a job that will have ended after `estimate`.
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
            future_links: links.pictures(job),
            proxy_links: [],
            meta: Meta::new(job, capabilities),
        }
    }
}

/// There will be no pictures.
#[derive(Serialize)]
pub(crate) struct Failed<'a> {
    status: &'static str,
    id: u32,
    message: &'a str,
    output: [&'static str; 0],
}

impl<'a> Failed<'a> {
    /// The answer about a job that failed or was cancelled.
    pub(crate) fn new(job: &'a Job) -> Self {
        Self {
            status: "failed",
            id: job.id.get(),
            message: failure_message(job),
            output: [],
        }
    }
}

/// Why there will be no pictures.
pub(crate) fn failure_message(job: &Job) -> &str {
    job.failure
        .as_ref()
        .map_or("the generation failed", |failure| failure.message.as_str())
}
