//! The call that makes images.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use facegen_core::Job;
use facegen_core::face::local_file_name;
use facegen_core::idempotency::{Idempotency, MAX_NAME_BYTES};
use facegen_core::redact::SafeUrl;
use facegen_core::request::{AutoSize, Style, UnseededRequest};
use facegen_core::{
    FaceSource, FieldError, GenerationRequest, JobState, RawGenerationRequest, RequestError,
    UrlChecker,
};
use facegen_jobs::Submission;
use tracing::{Span, warn};
use uuid::Uuid;

use crate::body::{RequestBody, SentImage};
use crate::call::{ApiCall, SharedContext, off_the_runtime};
use crate::handlers::images::output;
use crate::links::Links;
use crate::middleware::in_time;
use crate::openapi::errors::MakeGenErrors;
use crate::openapi::multipart::MakeGenForm;
use crate::openapi::request::MakeGenRequest;
use crate::response::Json;
use crate::wire::{Failed, Generation, Processing, Success};
use crate::{ApiError, Capabilities};

/// Make images
///
/// Submits a job, and returns its images if they are ready soon.
#[utoipa::path(
    post,
    path = "",
    tag = "face_gen",
    params(("Idempotency-Key" = Option<String>, Header, nullable = false,
        min_length = 1, max_length = 255, pattern = "^[!-~]([ -~]*[!-~])?$",
        description = "A name of the request: sent again within 24 hours, it makes no second job.")),
    request_body(content(
        (MakeGenRequest = "application/json"),
        (MakeGenForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, body = Generation, description = "The images, or where they will be"),
        MakeGenErrors,
    ),
)]
pub(crate) async fn make_gen(
    State(state): State<SharedContext>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let ApiCall {
        key,
        body,
        share,
        idempotency_key,
        base_url,
        flavor,
    } = call;
    state.jobs.count_request(&key).await?;
    let name = idempotency_key.as_ref().map(read_name).transpose()?;
    // The permit moves along: the work goes on when the caller disconnects.
    let intake = Intake {
        capabilities: state.capabilities.clone(),
        max_face_bytes: state.config.max_face_bytes,
        urls: Arc::clone(&state.urls),
        base_url: base_url.clone(),
    };
    let parsing = off_the_runtime(move || {
        let auto_size = flavor.auto_size(&body.generation);
        let parsed = intake.parse(body, auto_size, name.as_deref());
        (parsed, share)
    });
    let (parsed, share) = in_time(parsing).await??;
    let (request, face, idempotency) = parsed?;
    let submission = Submission {
        key: key.id,
        request,
        face,
        base_url: base_url.clone(),
        idempotency,
    };
    let jobs = state.jobs.clone();
    let submitted = share.hold_during(async move { jobs.submit(submission).await });
    let job = submitted.await??;
    Span::current().record("job", job.id.get());
    let job = wait_if_short(&state, job).await;
    // A repeated request may belong to a job whose images have expired.
    if let Some(gone) = ApiError::of_gone(&job, state.clock.now()) {
        return Err(gone);
    }
    let links = Links::new(&base_url).within(flavor);
    Ok(answer(&state, &job, links).await)
}

/// What requests are validated against.
struct Intake {
    capabilities: Capabilities,
    max_face_bytes: usize,
    urls: Arc<dyn UrlChecker>,
    /// The base URL of this server's own files.
    base_url: String,
}

impl Intake {
    /// Parses all fields, and returns the errors of all that are wrong.
    fn parse(
        &self,
        body: RequestBody,
        auto_size: AutoSize,
        name: Option<&str>,
    ) -> Result<(GenerationRequest, FaceSource, Option<Idempotency>), RequestError> {
        let RequestBody {
            face_image,
            generation,
            mut errors,
            ..
        } = body;
        let face = self.read_face(face_image);
        // Errors of fields that this call ignores do not matter.
        errors.retain(|error| is_own(error.field));
        record(
            &mut errors,
            check_style(&generation, &self.capabilities.styles),
        );
        let face = record(&mut errors, face);
        let webhook = self.check_webhook(&generation);
        let request = generation
            .parse(&self.capabilities.limits)
            .map_err(|found| {
                for error in found.errors {
                    record::<()>(&mut errors, Err(error));
                }
            });
        record(&mut errors, webhook);
        match (request, face) {
            (Ok(request), Some(face)) if errors.is_empty() => {
                let request = request.with_auto_size(auto_size);
                let idempotency = name.map(|name| idempotency(name, request.clone(), &face));
                Ok((request.resolve_seed(random_seed), face, idempotency))
            }
            _ => Err(RequestError { errors }),
        }
    }

    /// Parses the photo. Base64 text is dropped at once.
    fn read_face(&self, face_image: Option<SentImage>) -> Result<FaceSource, FieldError> {
        let Some(image) = face_image else {
            return Err(FieldError::new("face_image", "is required"));
        };
        let face = image.into_face(self.max_face_bytes)?;
        if let FaceSource::Url(url) = &face
            && local_file_name(url, &self.base_url).is_none()
        {
            self.check_url("face_image", url)?;
        }
        Ok(face)
    }

    /// Checks that the webhook's URL is one that can be called at all.
    fn check_webhook(&self, generation: &RawGenerationRequest) -> Result<(), FieldError> {
        match generation.webhook.text("webhook")? {
            Some(url) => self.check_url("webhook", &SafeUrl::from(url)),
            None => Ok(()),
        }
    }

    fn check_url(&self, field: &'static str, url: &SafeUrl) -> Result<(), FieldError> {
        let judged = self.urls.judge_text(url);
        judged.map_err(|rule| FieldError::new(field, rule))
    }
}

/// Returns whether this call uses the field.
fn is_own(field: &str) -> bool {
    field == "face_image" || RawGenerationRequest::NAMES.contains(&field)
}

/// Parses the idempotency key in the header.
fn read_name(header: &HeaderValue) -> Result<String, RequestError> {
    let name = header
        .to_str()
        .ok()
        .filter(|name| Idempotency::is_name(name));
    name.map(str::to_owned).ok_or_else(|| {
        let rule = format!("must be 1 to {MAX_NAME_BYTES} printable ASCII characters");
        let errors = vec![FieldError::new("Idempotency-Key", rule)];
        RequestError { errors }
    })
}

/// Returns the identity of the request, before its seed is drawn.
fn idempotency(name: &str, request: UnseededRequest, face: &FaceSource) -> Idempotency {
    let mut seeded = true;
    let request = request.resolve_seed(|| {
        seeded = false;
        0
    });
    Idempotency::new(name, "make_gen", &request, seeded, face)
}

/// Returns the value, or records the error, unless the field has one: the first
/// error of a field is the most precise.
fn record<T>(errors: &mut Vec<FieldError>, reading: Result<T, FieldError>) -> Option<T> {
    let error = match reading {
        Ok(value) => return Some(value),
        Err(error) => error,
    };
    if errors.iter().all(|known| known.field != error.field) {
        errors.push(error);
    }
    None
}

/// Checks that the loaded models offer the style; the parser only knows all
/// names.
fn check_style(generation: &RawGenerationRequest, styles: &[Style]) -> Result<(), FieldError> {
    let offered: Vec<_> = styles.iter().map(|style| (style.as_str(), ())).collect();
    generation.style.choice("style", &offered).map(|_| ())
}

fn random_seed() -> u32 {
    // The last bytes of a UUID v4 are all random.
    let [.., first, second, third, fourth] = *Uuid::new_v4().as_bytes();
    u32::from_be_bytes([first, second, third, fourth])
}

/// Returns the job as it is to be answered: at once with a webhook or when it
/// would take too long, else once it has ended or the wait is over.
async fn wait_if_short(state: &SharedContext, job: Job) -> Job {
    let limit = state.config.sync_wait;
    if job.request.delivery.webhook.is_some() || estimate(state, &job).await > limit {
        return job;
    }
    match state.jobs.wait(job.id, limit).await {
        Ok(job) => job,
        Err(error) => {
            // The job is accepted: an error would make the caller submit it
            // again.
            warn!(error = %error, "failed to wait for job");
            job
        }
    }
}

async fn answer(state: &SharedContext, job: &Job, links: Links<'_>) -> Response {
    let capabilities = &state.capabilities;
    let generation = match job.state {
        JobState::Succeeded => {
            let output = output(state, job, links).await;
            Generation::Success(Success::new(job, links, capabilities).with_output(output))
        }
        JobState::Failed | JobState::Cancelled => Generation::Failed(Failed::new(job)),
        JobState::Queued | JobState::Running => {
            let estimate = estimate(state, job).await;
            Generation::Processing(Processing::new(job, estimate, links, capabilities))
        }
    };
    Json(generation).into_response()
}

/// Returns how long the job will take; zero when that is unknown.
async fn estimate(state: &SharedContext, job: &Job) -> Duration {
    let estimate = state.jobs.estimate(job).await;
    estimate.unwrap_or_else(|error| {
        warn!(error = %error, "failed to estimate job");
        Duration::ZERO
    })
}
