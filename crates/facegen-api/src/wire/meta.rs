//! The echo of a request.

use facegen_core::{FaceOrigin, Job};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Capabilities;
use crate::openapi::words;

/// The echo of a request: the values used, numbers as numbers and flags as
/// `"yes"` and `"no"`, whatever types were sent.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Meta<'a> {
    #[schema(schema_with = words::yes_or_no)]
    base64: &'static str,
    face_image: &'a str,
    file_prefix: &'a str,
    guidance_scale: f64,
    height: u32,
    negative_prompt: &'a str,
    num_inference_steps: usize,
    outdir: &'static str,
    prompt: &'a str,
    #[schema(schema_with = words::yes_or_no)]
    safety_checker: &'static str,
    safety_checker_type: &'static str,
    samples: usize,
    #[schema(value_type = u64, maximum = 4_294_967_295_u64)]
    seed: u32,
    #[schema(schema_with = words::yes_or_no)]
    temp: &'static str,
    width: u32,
}

impl<'a> Meta<'a> {
    /// Creates the echo of the request of `job`.
    pub(crate) fn new(job: &'a Job, capabilities: &Capabilities) -> Self {
        let request = &job.request;
        let safety = request.spec.safety();
        Self {
            base64: yes_or_no(request.delivery.base64),
            face_image: match &job.face {
                FaceOrigin::Url(url) => url.expose(),
                FaceOrigin::Inline => "inline",
            },
            file_prefix: job.file_prefix.expose(),
            guidance_scale: request.spec.guidance_scale(),
            height: request.spec.height(),
            negative_prompt: request.spec.negative_prompt(),
            num_inference_steps: request.spec.steps(),
            outdir: "out",
            prompt: request.spec.prompt(),
            safety_checker: yes_or_no(capabilities.safety_checking.applies(safety.enabled)),
            safety_checker_type: safety.checker_type.as_str(),
            samples: request.spec.samples(),
            seed: request.spec.seed(),
            temp: yes_or_no(job.link_base.is_none()),
            width: request.spec.width(),
        }
    }
}

fn yes_or_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}
