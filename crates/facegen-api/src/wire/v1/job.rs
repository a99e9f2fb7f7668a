//! The details of one job.

use facegen_core::{Job, Stages};
use facegen_core::{JobState, SafetyVerdict, Timestamp};
use facegen_jobs::{Erased, JobView};
use serde::Serialize;
use utoipa::ToSchema;

use super::progress::Progress;
use super::rfc3339;
use crate::Capabilities;
use crate::links::Links;
use crate::openapi::{foreign, words};

/// One job in a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobSummary {
    pub(crate) id: u32,
    #[schema(schema_with = foreign::job_state)]
    state: JobState,
    created_at: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    /// When its owner erased it.
    erased_at: Option<String>,
    /// The links to the images, until they expire.
    output: Vec<String>,
}

impl JobSummary {
    /// Creates the entry of a job at the time `now`.
    pub(crate) fn new(job: &Job, links: Links<'_>, now: Timestamp) -> Self {
        Self {
            id: job.id.get(),
            state: job.state,
            created_at: rfc3339(job.created_at),
            started_at: job.started_at.and_then(rfc3339),
            finished_at: job.finished_at.and_then(rfc3339),
            erased_at: job.erased_at.and_then(rfc3339),
            output: if is_readable(job, now) {
                links.images(job)
            } else {
                Vec::new()
            },
        }
    }
}

/// Returns whether the images of a job can be read.
fn is_readable(job: &Job, now: Timestamp) -> bool {
    job.erased_at.is_none() && job.state == JobState::Succeeded && !job.has_expired(now)
}

/// The details of one job.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobBody<'a> {
    #[schema(schema_with = words::success)]
    status: &'static str,
    id: u32,
    #[serde(flatten)]
    progress: Progress,
    created_at: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    expires_at: Option<String>,
    erased_at: Option<String>,
    attempt: u32,
    /// The engine that made the images, named after its device.
    engine: Option<&'a str>,
    /// In milliseconds.
    #[schema(schema_with = foreign::stages)]
    timings: Option<Stages>,
    /// The values used; null once the job is erased.
    used: Option<Used>,
    /// The prompt; null once the job is erased.
    prompt: Option<&'a str>,
    /// The negative prompt, empty when none was sent; null once the job is
    /// erased.
    negative_prompt: Option<&'a str>,
    warnings: Vec<&'a str>,
    /// The verdict on each checked image.
    #[schema(schema_with = foreign::safety_verdicts)]
    safety: Vec<&'a SafetyVerdict>,
    failure: Option<Failure<'a>>,
    /// The links to the images, until they expire.
    output: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct Failure<'a> {
    code: &'static str,
    message: &'a str,
}

/// The parameters that the job uses.
#[derive(Serialize, ToSchema)]
struct Used {
    width: u32,
    height: u32,
    num_inference_steps: usize,
    guidance_scale: f64,
    s_scale: f64,
    samples: usize,
    #[schema(value_type = u64, maximum = 4_294_967_295_u64)]
    seed: u32,
    style: &'static str,
    dtype: &'static str,
    base64: bool,
    safety_checker: bool,
    safety_checker_type: &'static str,
}

impl<'a> JobBody<'a> {
    /// Creates the answer about a job at the time `now`.
    pub(crate) fn new(
        view: &'a JobView,
        links: Links<'_>,
        capabilities: &Capabilities,
        now: Timestamp,
    ) -> Self {
        let job = &view.job;
        let here = job.erased_at.is_none();
        let outcome = job.outcome.as_ref();
        let spec = &job.request.spec;
        let warnings = job.request.warnings().iter().chain(&job.warnings);
        let JobSummary {
            id,
            created_at,
            started_at,
            finished_at,
            erased_at,
            output,
            ..
        } = JobSummary::new(job, links, now);
        Self {
            status: "success",
            id,
            progress: Progress::from(view),
            created_at,
            started_at,
            finished_at,
            expires_at: job.expires_at.and_then(rfc3339),
            erased_at,
            attempt: job.attempt,
            engine: outcome.and_then(|outcome| outcome.engine.as_deref()),
            timings: outcome.map(|outcome| outcome.stages),
            used: here.then(|| Used::new(job, capabilities)),
            prompt: here.then(|| spec.prompt()),
            negative_prompt: here.then(|| spec.negative_prompt()),
            warnings: warnings.filter(|_| here).map(String::as_str).collect(),
            safety: outcome
                .into_iter()
                .flat_map(|outcome| &outcome.images)
                .filter_map(|image| image.safety.as_ref())
                .collect(),
            failure: job.failure.as_ref().map(|failure| Failure {
                code: failure.code.as_str(),
                message: &failure.message,
            }),
            output,
        }
    }
}

impl Used {
    fn new(job: &Job, capabilities: &Capabilities) -> Self {
        let request = &job.request;
        let safety = request.spec.safety();
        Self {
            width: request.spec.width(),
            height: request.spec.height(),
            num_inference_steps: request.spec.steps(),
            guidance_scale: request.spec.guidance_scale(),
            s_scale: request.spec.s_scale(),
            samples: request.spec.samples(),
            seed: request.spec.seed(),
            style: request.spec.style().as_str(),
            dtype: capabilities.dtype,
            base64: request.delivery.base64,
            safety_checker: capabilities.safety_checking.applies(safety.enabled),
            safety_checker_type: safety.checker_type.as_str(),
        }
    }
}

/// The remains of an erased job.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErasedBody {
    #[schema(schema_with = words::success)]
    status: &'static str,
    id: u32,
    #[schema(schema_with = foreign::job_state)]
    state: JobState,
    erased_at: Option<String>,
    erased: Places,
}

#[derive(Serialize, ToSchema)]
struct Places {
    #[serde(rename = "folder")]
    directory: bool,
    /// Null when the job had no images in a bucket.
    bucket: Option<bool>,
}

impl From<&Erased> for ErasedBody {
    fn from(erased: &Erased) -> Self {
        let Erased { job, images } = erased;
        Self {
            status: "success",
            id: job.id.get(),
            state: job.state,
            erased_at: job.erased_at.and_then(rfc3339),
            erased: Places {
                directory: images.directory,
                bucket: images.bucket,
            },
        }
    }
}
