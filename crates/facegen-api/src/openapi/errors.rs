//! The errors of each kind of call. Statuses, bodies and examples come from
//! [`ApiError`] itself.

use std::collections::BTreeMap;
use std::iter;
use std::time::Duration;

use axum::http::StatusCode;
use facegen_core::{BucketProblem, FieldError, RequestError};
use facegen_jobs::JobError;
use utoipa::IntoResponses;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Ref, Type};
use utoipa::openapi::{Content, ContentBuilder, RefOr};

use crate::ApiError;

/// Errors with the names of their examples.
type Named = Vec<(&'static str, ApiError)>;

/// Defines the types that stand for the errors of a kind of call in
/// `responses(…)`.
macro_rules! kinds_of_call {
    ($($(#[$comment:meta])* $name:ident: $($errors:ident)+;)+) => {
        $(
            $(#[$comment])*
            #[derive(Debug)]
            pub(crate) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    references([$($errors()),+])
                }
            }
        )+

        /// Returns the responses that operations refer to, by name.
        pub(super) fn components() -> BTreeMap<String, Response> {
            let kinds = [$(by_status([$($errors()),+])),+];
            let answers = kinds.into_iter().flatten();
            answers.map(|(status, errors)| (name(status, &errors), response(status, &errors))).collect()
        }
    };
}

kinds_of_call! {
    /// The errors of routes without key and file.
    OpenErrors: open;
    /// The errors of files, which need no key.
    FileErrors: open file;
    /// The errors of images, of which ranges can be requested.
    ImageErrors: open file range;
    /// The errors of a page that asks for its key.
    PageKeyErrors: open page_key;
    /// The errors of every call with a key.
    CallErrors: open call;
    /// The errors of a call that makes images.
    MakeGenErrors: open call make_gen job;
    /// The errors of a call that uploads an image.
    UploadErrors: open call upload;
    /// The errors of a search for faces.
    FacesErrors: open call faces;
    /// The errors of a call about a bucket.
    BucketErrors: open call bucket;
    /// The errors of a call that fetches a job.
    JobErrors: open call own_job job;
    /// The same when the job's id is in the body.
    NamedJobErrors: open call own_job job named;
    /// The errors of a call that needs an admin key.
    AdminErrors: open call admin;
    /// The errors of a reload of the config.
    UpdateErrors: open call admin update;
    /// The errors of a call about a job, with or without images.
    OwnJobErrors: open call own_job;
    /// The errors of an event stream.
    StreamErrors: open call own_job stream;
    /// The errors of a list.
    ListErrors: open call own_job list;
    /// The errors of a call about a delivery.
    DeliveryErrors: open call delivery;
    /// The errors of a replay.
    ReplayErrors: open call delivery replay;
}

fn open() -> Named {
    vec![
        ("panicked", ApiError::Panicked),
        ("unavailable", ApiError::TooSlow),
    ]
}

fn file() -> Named {
    vec![("file", ApiError::UnknownFile)]
}

fn range() -> Named {
    vec![("range", ApiError::RangeNotSatisfiable { length: 300_000 })]
}

fn page_key() -> Named {
    vec![
        ("host", ApiError::InvalidHost),
        ("spent", ApiError::SpentToken),
    ]
}

fn call() -> Named {
    vec![
        ("body", invalid_body()),
        ("host", ApiError::InvalidHost),
        ("broken_off", ApiError::BodyBroken),
        ("key", ApiError::Unauthorized),
        ("no_key", ApiError::NoKey),
        ("too_slow", ApiError::BodyTooSlow),
        ("too_large", ApiError::BodyTooLarge { limit: 16_000_000 }),
    ]
}

fn invalid_body() -> ApiError {
    ApiError::InvalidBody {
        received: "JSON that is no object".into(),
    }
}

fn make_gen() -> Named {
    let retry_after = Duration::from_secs(30);
    let queue_full = JobError::QueueFull {
        limit: 5,
        retry_after,
    };
    vec![
        ("prompt", field("prompt", "is required")),
        ("repeated", JobError::IdempotencyKeyTaken.into()),
        ("queue_full", queue_full.into()),
        ("too_many", too_many()),
        ("stopping", JobError::Draining.into()),
    ]
}

fn too_many() -> ApiError {
    let error = JobError::TooManyRequests {
        limit: 60,
        retry_after: Duration::from_secs(30),
    };
    error.into()
}

fn upload() -> Named {
    let full = JobError::UploadsFull {
        limit: 2_000_000_000,
        retry_after: Duration::from_hours(1),
    };
    vec![
        ("image", field("base64_string", "is required")),
        ("uploads_full", full.into()),
        ("too_many", too_many()),
        ("stopping", JobError::Draining.into()),
    ]
}

fn faces() -> Named {
    vec![
        ("photo", field("face_image", "is required")),
        ("too_many", too_many()),
        ("stopping", JobError::Draining.into()),
        ("searches", JobError::TooManySearches.into()),
        ("no_engine", JobError::NoEngineHere.into()),
    ]
}

fn bucket() -> Named {
    let fault = JobError::Bucket(BucketProblem::WrongSecret.into());
    vec![("secret", fault.into())]
}

fn own_job() -> Named {
    vec![("job", ApiError::UnknownJob)]
}

fn job() -> Named {
    let keep = Duration::from_hours(24);
    vec![
        ("expired", ApiError::Expired { keep }),
        ("erased", ApiError::Erased),
    ]
}

fn named() -> Named {
    vec![("request_id", field("request_id", "is required"))]
}

fn admin() -> Named {
    vec![("no_admin", ApiError::Forbidden)]
}

fn update() -> Named {
    vec![("refused", ApiError::UpdateRefused)]
}

fn stream() -> Named {
    vec![
        ("streams", ApiError::TooManyStreams),
        ("preview", field("preview", "must be true or false")),
    ]
}

fn list() -> Named {
    vec![("limit", field("limit", "must be between 1 and 100"))]
}

fn delivery() -> Named {
    vec![("delivery", ApiError::UnknownDelivery)]
}

fn replay() -> Named {
    vec![("busy", ApiError::DeliveryBusy)]
}

fn field(name: &'static str, rule: &str) -> ApiError {
    let errors = vec![FieldError::new(name, rule)];
    RequestError { errors }.into()
}

/// Returns references to the responses with these errors, one per status.
fn references<const N: usize>(errors: [Named; N]) -> BTreeMap<String, RefOr<Response>> {
    let reference = |(status, errors): (StatusCode, Named)| {
        let reference = Ref::from_response_name(name(status, &errors));
        (status.as_str().to_owned(), reference.into())
    };
    by_status(errors).into_iter().map(reference).collect()
}

fn by_status<const N: usize>(errors: [Named; N]) -> BTreeMap<StatusCode, Named> {
    let mut statuses: BTreeMap<_, Named> = BTreeMap::new();
    for (name, error) in errors.into_iter().flatten() {
        let errors = statuses.entry(error.status()).or_default();
        errors.push((name, error));
    }
    statuses
}

/// Returns the name of a response, made from its content, because many
/// operations share it.
fn name(status: StatusCode, errors: &Named) -> String {
    let names = errors.iter().map(|(name, _)| *name);
    iter::once(status.as_str())
        .chain(names)
        .collect::<Vec<_>>()
        .join(".")
}

fn response(status: StatusCode, errors: &Named) -> Response {
    let response = ResponseBuilder::new()
        .description(status.canonical_reason().unwrap_or_default())
        .content("application/json", content(errors));
    if status == StatusCode::RANGE_NOT_SATISFIABLE {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let header = HeaderBuilder::new()
            .schema(Some(text))
            .description(Some("`bytes */LENGTH`, the length of the file."));
        return response.header("content-range", header.build()).build();
    }
    if errors
        .iter()
        .any(|(_, error)| error.retry_after().is_none())
    {
        return response.build();
    }
    let seconds = ObjectBuilder::new().schema_type(Type::Integer);
    let header = HeaderBuilder::new()
        .schema(Some(seconds))
        .description(Some("When to try again, in seconds."));
    response.header("retry-after", header.build()).build()
}

fn content(errors: &Named) -> Content {
    let example = |(name, error): &(&'static str, ApiError)| {
        let body = serde_json::to_value(error.body()).ok();
        let example = ExampleBuilder::new().value(body).build();
        ((*name).to_owned(), example.into())
    };
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("ErrorBody")))
        .examples_from_iter(
            errors
                .iter()
                .map(example)
                .collect::<Vec<(String, RefOr<_>)>>(),
        )
        .build()
}
