//! Schemas of types that other crates serialise, and of events.

use facegen_core::{JobState, KeyRole};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, Ref, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::words::words;

/// One event of a stream, as clients of Server-Sent Events see it.
#[derive(Debug)]
pub(crate) struct StreamEvent;

impl ToSchema for StreamEvent {}

impl PartialSchema for StreamEvent {
    fn schema() -> RefOr<Schema> {
        let data = ObjectBuilder::new()
            .schema_type(Type::String)
            .content_media_type("application/json")
            .content_schema(Some(Ref::from_schema_name("StreamProgress")));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("event", words(&["position", "progress", "end"]))
            .property("data", data)
            .required("event")
            .required("data")
            .into()
    }
}

/// Returns the schema of [`JobState`].
pub(crate) fn job_state() -> Object {
    let names: Vec<_> = JobState::ALL.iter().map(|state| state.as_str()).collect();
    words(&names)
}

/// Returns the schema of [`KeyRole`].
pub(crate) fn key_role() -> Object {
    let roles = [KeyRole::Admin, KeyRole::Plain];
    words(&roles.map(KeyRole::as_str))
}

/// Returns the schema of `Stages`, `null` before a job has any.
pub(crate) fn stages() -> Object {
    let names = [
        "face_fetch",
        "face_analysis",
        "text_encoding",
        "conditioning",
        "denoising",
        "decoding",
        "safety_checking",
        "encoding",
        "storing",
    ];
    let milliseconds = || ObjectBuilder::new().schema_type(Type::Integer);
    let stages = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some("How long each stage took, in milliseconds."));
    let stages = names.into_iter().fold(stages, |stages, name| {
        stages.property(name, milliseconds()).required(name)
    });
    stages.build()
}

/// Returns the schema of `SafetyVerdict`s, one for each checked image.
pub(crate) fn safety_verdicts() -> utoipa::openapi::Array {
    let scores = || {
        let score = ObjectBuilder::new().schema_type(Type::Number);
        ArrayBuilder::new().items(score)
    };
    let verdict = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("flagged", ObjectBuilder::new().schema_type(Type::Boolean))
        .property("concepts", scores())
        .property("special_care", scores())
        .required("flagged")
        .required("concepts")
        .required("special_care");
    ArrayBuilder::new()
        .items(verdict)
        .description(Some("Of each image that was looked at."))
        .build()
}
