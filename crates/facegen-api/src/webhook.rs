//! What the receivers of webhooks get.

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

/// The body of the webhook of an ended job: what `make_gen` answers about one
/// that succeeded, or the reason why there are no images; with the caller's
/// `track_id` in the type in which it was sent, null when none was. There are
/// none any more when a message was on its way for so long that they have
/// expired, or its job was erased.
///
/// Links begin with `public_url`, else with the address under which the caller
/// reached the server.
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
    // Texts and numbers under names that are texts can always be written.
    serde_json::to_string(&body).unwrap_or_default()
}

/// Why an ended job has no images, if it has none.
fn no_images(job: &Job, now: Timestamp) -> Option<Cow<'_, str>> {
    match job.state {
        JobState::Succeeded => Some(ApiError::of_gone(job, now)?.message()),
        JobState::Queued | JobState::Running | JobState::Failed | JobState::Cancelled => {
            Some(failure_message(job).into())
        }
    }
}

/// The calls that this server makes, by their names.
pub(crate) fn described() -> Paths {
    Webhooks::openapi().paths
}

#[derive(OpenApi)]
#[openapi(paths(job_ended))]
struct Webhooks;

/// A job has ended
///
/// Sent to the `webhook` of its request, once it has succeeded, failed or was
/// cancelled. Whatever is not answered 2xx within 30 seconds is sent again, up to
/// seven times over half a day, or later where `Retry-After` asks for it, under the
/// same `webhook-id`.
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
        (status = "2XX", description = "It is taken"),
        (status = 410, description = "It shall not be sent again"),
        (status = 429, description = "It shall be sent again, at the earliest after `Retry-After`"),
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
    fn images_that_have_gone_are_no_success() {
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
        let told = |job: &Job, now| webhook_body(job, now, None, &CAPABILITIES);
        let gone = |message| {
            format!(r#"{{"status":"failed","id":32,"message":"{message}","track_id":null}}"#)
        };
        assert_eq!(told(&erased, now()), gone("Request was deleted"));
        assert_eq!(
            told(&kept, now() + day),
            gone("images deleted after 24 hours")
        );
        let last = now() + (day - Duration::from_millis(1));
        assert!(told(&kept, last).contains(r#""status":"success""#));
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
