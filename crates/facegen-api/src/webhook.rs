//! The bodies of webhooks.

use std::borrow::Cow;

use facegen_core::Job;
use facegen_core::request::Scalar;
use facegen_core::{JobState, Timestamp};
use serde::Serialize;
use utoipa::OpenApi;
use utoipa::openapi::Paths;

use crate::links::Links;
use crate::openapi::webhook::WebhookBody;
use crate::wire::{Success, failure_message};
use crate::{ApiError, Capabilities};

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Success {
        #[serde(flatten)]
        success: Box<Success<'a>>,
        track_id: Option<&'a Scalar>,
    },
    Failed {
        status: &'static str,
        id: u32,
        message: Cow<'a, str>,
        track_id: Option<&'a Scalar>,
    },
}

/// Returns the body of the webhook of a job that has ended: the answer of
/// `make_gen` if it succeeded, else the reason why there are no images. Adds
/// the caller's `track_id` with its type, or null. A success whose images have
/// expired or were erased before the webhook was delivered is reported as
/// failed.
///
/// Links begin with `public_url`, else with the base URL of the request.
#[must_use]
pub fn webhook_body(
    job: &Job,
    now: Timestamp,
    public_url: Option<&str>,
    capabilities: &Capabilities,
) -> String {
    let links = Links::new(public_url.unwrap_or(&job.base_url));
    let track_id = job.request.delivery.track_id.as_ref();
    let body = match no_images(job, now) {
        None => Body::Success {
            success: Box::new(Success::new(job, links, capabilities)),
            track_id,
        },
        Some(message) => Body::Failed {
            status: "failed",
            id: job.id.get(),
            message,
            track_id,
        },
    };
    // Strings and numbers under string keys always serialise.
    serde_json::to_string(&body).unwrap_or_default()
}

/// Returns why a job that has ended has no images, if so.
fn no_images(job: &Job, now: Timestamp) -> Option<Cow<'_, str>> {
    match job.state {
        JobState::Succeeded => Some(ApiError::of_gone(job, now)?.message()),
        JobState::Queued | JobState::Running | JobState::Failed | JobState::Cancelled => {
            Some(failure_message(job).into())
        }
    }
}

/// Returns the OpenAPI paths of the webhooks.
pub(crate) fn described() -> Paths {
    Webhooks::openapi().paths
}

#[derive(OpenApi)]
#[openapi(paths(job_ended))]
struct Webhooks;

/// A job has ended
///
/// Sent to the `webhook` of the request, once the job has succeeded, failed or
/// was cancelled. Any response but 2xx within 30 seconds is followed by a retry
/// under the same `webhook-id`, up to seven over half a day, or later if
/// `Retry-After` asks for it.
#[utoipa::path(
    post,
    path = "job_ended",
    operation_id = "job_ended",
    tag = "webhooks",
    params(
        ("webhook-id" = String, Header, description = "The same for every attempt."),
        ("webhook-timestamp" = String, Header, description = "When this attempt was made, in seconds since 1970."),
        ("webhook-signature" = Option<String>, Header, nullable = false,
            description = "By Standard Webhooks, where the server signs."),
    ),
    request_body = WebhookBody,
    responses(
        (status = "2XX", description = "Accepted"),
        (status = 410, description = "Not to be sent again"),
        (status = 429, description = "To be sent again, at the earliest after `Retry-After`"),
    ),
    security(()),
)]
#[expect(dead_code, reason = "it stands for what receivers do")]
fn job_ended() {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::fixture::{CAPABILITIES, PREFIX, failed_job, job};
    use crate::openapi;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_000)
    }

    #[test]
    fn a_job_without_its_images_is_no_success() {
        let day = Duration::from_hours(24);
        let kept = Job {
            finished_at: Some(now()),
            expires_at: Some(now() + day),
            ..job(&[])
        };
        let erased = Job {
            erased_at: Some(now()),
            ..kept.clone()
        };
        let reported = |job: &Job, now| webhook_body(job, now, None, &CAPABILITIES);
        let gone = |message| {
            format!(r#"{{"status":"failed","id":32,"message":"{message}","track_id":null}}"#)
        };
        assert_eq!(reported(&erased, now()), gone("Request was deleted"));
        assert_eq!(
            reported(&kept, now() + day),
            gone("images deleted after 24 hours")
        );
        let last = now() + (day - Duration::from_millis(1));
        assert!(reported(&kept, last).contains(r#""status":"success""#));
    }

    #[test]
    fn success_is_that_of_make_gen_and_the_track_id() {
        for (sent, echoed) in [
            (Scalar::Null, "null"),
            (Scalar::Integer(7), "7"),
            (Scalar::from("7"), "\"7\""),
        ] {
            let job = job(&[("track_id", sent), ("samples", 1.into())]);
            let links = Links::new(&job.base_url);
            let success = serde_json::to_string(&Success::new(&job, links, &CAPABILITIES)).unwrap();
            let without_brace = success.strip_suffix('}').unwrap();
            let expected = format!("{without_brace},\"track_id\":{echoed}}}");
            assert_eq!(webhook_body(&job, now(), None, &CAPABILITIES), expected);
        }
    }

    #[test]
    fn links_begin_with_the_address_of_the_operator() {
        let job = job(&[]);
        let body = webhook_body(&job, now(), Some("https://faces.example"), &CAPABILITIES);
        assert!(body.contains(&format!("\"https://faces.example/temp/{PREFIX}-1.png\"")));
        assert!(!body.contains("caller.example"));
        let body = webhook_body(&job, now(), None, &CAPABILITIES);
        assert!(body.contains(&format!(
            "\"http://caller.example:8080/temp/{PREFIX}-1.png\""
        )));
    }

    #[test]
    fn receivers_get_what_is_described() {
        let document = serde_json::to_value(openapi()).unwrap();
        for (job, name) in [
            (job(&[]), "WebhookSuccess"),
            (failed_job(&[]), "WebhookFailure"),
        ] {
            let schema = &document["components"]["schemas"][name];
            let names = |object: &Value| object.as_object().unwrap().keys().cloned().collect();
            let described: BTreeSet<String> = names(&schema["properties"]);
            let required = schema["required"].as_array().unwrap().iter();
            let required: BTreeSet<_> = required.map(|name| name.as_str().unwrap()).collect();
            let body = webhook_body(&job, now(), None, &CAPABILITIES);
            let sent: BTreeSet<String> = names(&serde_json::from_str(&body).unwrap());
            assert_eq!(sent, described);
            assert!(sent.iter().map(String::as_str).eq(required));
        }
        let body = &document["webhooks"]["job_ended"]["post"]["requestBody"];
        let schema = &body["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/WebhookBody");
    }

    #[test]
    fn failure_says_why() {
        let body = webhook_body(
            &failed_job(&[("track_id", "a".into())]),
            now(),
            None,
            &CAPABILITIES,
        );
        let expected = r#"{"status":"failed","id":32,"message":"No face detected in face_image","track_id":"a"}"#;
        assert_eq!(body, expected);
    }
}
