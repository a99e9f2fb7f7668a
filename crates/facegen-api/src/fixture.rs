//! Jobs for unit tests.

use std::sync::LazyLock;
use std::time::Duration;

use facegen_core::redact::SafeUrl;
use facegen_core::request::{RequestLimits, Scalar, Style};
use facegen_core::{ErrorCode, FilePrefix, JobState, RawGenerationRequest, Timestamp};
use facegen_core::{FaceOrigin, Failure, Job, JobId, KeyId, Outcome, Stages};

use crate::{Capabilities, SafetyChecking};

pub(crate) const PREFIX: &str = "8c3ef6ea-1c44-4d69-91cb-fc11971a65d1";

pub(crate) static CAPABILITIES: LazyLock<Capabilities> = LazyLock::new(|| Capabilities {
    preset: String::from("tiny"),
    safety_checking: SafetyChecking::OnRequest,
    styles: Vec::new(),
    limits: RequestLimits::default(),
    notice: None,
    dtype: "f32",
});

/// Returns a job of two images that has succeeded, with these additional
/// fields.
pub(crate) fn job(fields: &[(&str, Scalar)]) -> Job {
    let mut raw = RawGenerationRequest {
        prompt: "pretty woman".into(),
        samples: "2".into(),
        ..RawGenerationRequest::default()
    };
    for (name, value) in fields {
        *raw.field_mut(name).unwrap() = value.clone();
    }
    let request = raw
        .parse(&RequestLimits::default())
        .unwrap()
        .resolve_seed(|| 4_029_484_891);
    assert_eq!(request.spec.style(), Style::Realistic);
    Job {
        id: JobId::new(32).unwrap(),
        key: KeyId::new(1),
        state: JobState::Succeeded,
        request,
        face: FaceOrigin::Url(SafeUrl::from("https://u:p@example.org/face.jpg?sig=1")),
        file_prefix: FilePrefix::parse(PREFIX).unwrap(),
        base_url: String::from("http://caller.example:8080"),
        attempt: 1,
        created_at: Timestamp::from_millis(0),
        failure: None,
        warnings: Vec::new(),
        link_base: None,
        expires_at: None,
        started_at: None,
        finished_at: None,
        outcome: Some(Outcome {
            generation_time: Duration::from_secs(7),
            stages: Stages::default(),
            images: Vec::new(),
            engine: None,
        }),
        erased_at: None,
    }
}

/// Returns the same job, failed.
pub(crate) fn failed_job(fields: &[(&str, Scalar)]) -> Job {
    Job {
        state: JobState::Failed,
        failure: Some(Failure {
            code: ErrorCode::NoFace,
            message: String::from("No face detected in face_image"),
        }),
        outcome: None,
        ..job(fields)
    }
}
