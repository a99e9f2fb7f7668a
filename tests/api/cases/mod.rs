//! Tables of requests, and the expected outcome of each.

mod buckets;
mod edges;
mod fields;
mod json;
mod memory;
mod multipart;
mod photos;
mod texts;

use facegen_core::GenerationRequest;
use facegen_core::JobId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::server::TestServer;

/// The expected outcome of a request.
#[derive(Debug, Deserialize)]
struct Outcome {
    status: u16,
    /// The message of an error.
    message: Option<String>,
}

impl Outcome {
    fn check(&self, name: &str, answer: &Answer) {
        let body = answer.json();
        assert_eq!(answer.status, self.status, "{name}: {body}");
        if let Some(message) = &self.message {
            assert_eq!(body["message"], **message, "{name}");
            assert_eq!(body["status"], "error", "{name}");
        }
    }
}

/// Returns the values that the job of this answer uses.
async fn used_values(server: &TestServer, answer: &Answer) -> Value {
    let id = answer.json()["id"].as_u64().unwrap();
    let id = JobId::new(u32::try_from(id).unwrap()).unwrap();
    let job = server.jobs.find(server.key_id, id).await.unwrap().unwrap();
    values(&job.request)
}

fn values(request: &GenerationRequest) -> Value {
    let negative_prompt = request.spec.negative_prompt();
    json!({
        "prompt": request.spec.prompt(),
        "negative_prompt": (!negative_prompt.is_empty()).then_some(negative_prompt),
        "width": request.spec.width(),
        "height": request.spec.height(),
        "num_inference_steps": request.spec.steps(),
        "guidance_scale": request.spec.guidance_scale(),
        "s_scale": request.spec.s_scale(),
        "seed": request.spec.seed(),
        "samples": request.spec.samples(),
        "safety_checker": request.spec.safety().enabled,
        "safety_checker_type": request.spec.safety().checker_type,
        "base64": request.delivery.base64,
        "webhook": request.delivery.webhook.as_ref().map(|url| url.expose()),
        "track_id": request.delivery.track_id.as_ref(),
    })
}

/// Checks that `expected` is among the values that are used.
fn assert_used(name: &str, expected: &Map<String, Value>, used: &Value) {
    for (field, value) in expected {
        assert_eq!(used[field], *value, "{name}: {field}");
    }
}

/// A text that follows the first one so many times, and one that ends it.
#[derive(Debug, Deserialize)]
struct Repeat(String, String, usize, String);

impl Repeat {
    fn text(&self) -> String {
        let Self(start, repeated, times, end) = self;
        format!("{start}{}{end}", repeated.repeat(*times))
    }
}
