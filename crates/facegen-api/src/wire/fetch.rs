//! What `fetch` answers; about a job that failed it answers as `make_gen` does.

use std::time::Duration;

use facegen_jobs::Job;
use serde::Serialize;

use super::{PROCESSING_TIP, eta};
use crate::links::Links;

/// The pictures are there.
#[derive(Serialize)]
pub(crate) struct FetchSuccess {
    status: &'static str,
    id: u32,
    output: Vec<String>,
}

impl FetchSuccess {
    /// The answer about a job that has succeeded.
    pub(crate) fn new(job: &Job, links: Links<'_>) -> Self {
        Self {
            status: "success",
            id: job.id.get(),
            output: links.pictures(job),
        }
    }
}

/// The pictures are being made.
#[derive(Serialize)]
pub(crate) struct FetchProcessing {
    status: &'static str,
    id: u32,
    /// In seconds.
    eta: u64,
    message: &'static str,
    output: [&'static str; 0],
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
