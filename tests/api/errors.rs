//! Every error, as callers get it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

use axum::response::IntoResponse;
use facegen_api::ApiError;
use facegen_core::store::StoreError;
use facegen_core::{BucketFault, BucketProblem, FaceError, FieldError, RequestError};
use facegen_jobs::JobError;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::answer::Answer;

const PAUSE: Duration = Duration::from_millis(1_500);

fn errors() -> Vec<ApiError> {
    let fields = [("prompt", "is required"), ("width", "must be a number")];
    let errors = fields.map(|(field, rule)| FieldError::new(field, rule));
    let mut all = vec![
        ApiError::InvalidBody {
            received: "JSON that is no object".into(),
        },
        ApiError::BodyTooLarge { limit: 16_000_000 },
        ApiError::BodyTooSlow,
        ApiError::NoRoom,
        ApiError::BodyBroken,
        RequestError {
            errors: errors.into(),
        }
        .into(),
        ApiError::InvalidHost,
        ApiError::NoKey,
        ApiError::Unauthorized,
        ApiError::SpentToken,
        ApiError::Forbidden,
        ApiError::UpdateRefused,
        ApiError::UnknownPath,
        ApiError::MethodNotAllowed,
        ApiError::UnknownJob,
        ApiError::Expired {
            keep: Duration::from_hours(24),
        },
        ApiError::Erased,
        ApiError::UnknownDelivery,
        ApiError::DeliveryBusy,
        ApiError::TooManyStreams,
        ApiError::UnknownFile,
        ApiError::RangeNotSatisfiable { length: 300_000 },
        ApiError::TooSlow,
        ApiError::Panicked,
        serde_json::from_str::<()>("").unwrap_err().into(),
    ];
    all.extend(job_errors().into_iter().map(ApiError::from));
    all
}

fn job_errors() -> [JobError; 14] {
    let (path, source) = ("/inside".into(), ErrorKind::StorageFull.into());
    [
        JobError::QueueFull {
            limit: 5,
            retry_after: PAUSE,
        },
        JobError::TooManyRequests {
            limit: 60,
            retry_after: PAUSE,
        },
        JobError::UploadsFull {
            limit: 2_000_000_000,
            retry_after: PAUSE,
        },
        JobError::TooManyReaders,
        JobError::TooManySearches,
        JobError::NoEngineHere,
        JobError::IdempotencyKeyTaken,
        FaceError::new("face_image is truncated or damaged").into(),
        BucketFault::from(BucketProblem::NoSuchBucket).into(),
        JobError::Secrets(String::from("inside")),
        JobError::Draining,
        StoreError::File { path, source }.into(),
        StoreError::Json("inside").into(),
        JobError::BrokeDown("inside"),
    ]
}

/// Returns the name in the snapshot. The compiler and the count below ensure
/// that no kind is missing.
fn name(error: &ApiError) -> &'static str {
    match error {
        ApiError::InvalidBody { .. } => "invalid body",
        ApiError::BodyTooLarge { .. } => "body too large",
        ApiError::BodyTooSlow => "body too slow",
        ApiError::NoRoom => "no room",
        ApiError::BodyBroken => "body broken",
        ApiError::Fields(_) => "fields",
        ApiError::InvalidHost => "invalid host",
        ApiError::NoKey => "no key",
        ApiError::Unauthorized => "unauthorized",
        ApiError::SpentToken => "spent token",
        ApiError::Forbidden => "forbidden",
        ApiError::UpdateRefused => "update refused",
        ApiError::UnknownPath => "unknown path",
        ApiError::MethodNotAllowed => "method not allowed",
        ApiError::UnknownJob => "unknown job",
        ApiError::Expired { .. } => "expired",
        ApiError::Erased => "erased",
        ApiError::UnknownDelivery => "unknown delivery",
        ApiError::DeliveryBusy => "delivery busy",
        ApiError::TooManyStreams => "too many streams",
        ApiError::UnknownFile => "unknown file",
        ApiError::RangeNotSatisfiable { .. } => "range not satisfiable",
        ApiError::TooSlow => "too slow",
        ApiError::Panicked => "panicked",
        ApiError::Serialisation(_) => "serialisation",
        ApiError::Jobs(error) => job_name(error),
    }
}

fn job_name(error: &JobError) -> &'static str {
    match error {
        JobError::QueueFull { .. } => "queue full",
        JobError::TooManyRequests { .. } => "too many requests",
        JobError::UploadsFull { .. } => "uploads full",
        JobError::TooManyReaders => "too many readers",
        JobError::TooManySearches => "too many searches",
        JobError::NoEngineHere => "no engine here",
        JobError::IdempotencyKeyTaken => "idempotency key taken",
        JobError::Face(_) => "face",
        JobError::Bucket(_) => "bucket",
        JobError::Secrets(_) => "secrets",
        JobError::Draining => "draining",
        JobError::Store(StoreError::File { .. }) => "store unavailable",
        JobError::Store(_) => "store damaged",
        JobError::BrokeDown(_) => "broke down",
        JobError::Images(_) => "images",
        JobError::NotStored(_) => "not stored",
    }
}

#[tokio::test]
async fn every_error_is_answered_as_before() {
    let mut answers = BTreeMap::new();
    for error in errors() {
        let name = name(&error);
        let answer = Answer::read(error.into_response()).await;
        let headers = ["retry-after", "connection"];
        let headers = headers.map(|header| answer.header(header).to_owned());
        let text = str::from_utf8(&answer.bytes).unwrap();
        assert!(!text.contains("inside"), "{name}: {text}");
        let [retry_after, connection] = headers;
        let shown: Value = json!({
            "status": answer.status.as_u16(),
            "retry-after": retry_after,
            "connection": connection,
            "body": answer.json(),
        });
        assert!(
            answers.insert(name, shown).is_none(),
            "{name} is there twice"
        );
    }
    // All of them but those of a store of images, which look like others.
    assert_eq!(answers.len(), 39);
    assert_json_snapshot!(answers);
}
