//! Schemas of texts that are one of a few words.

use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

pub(super) fn words(values: &[&str]) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(values.iter().copied()))
        .build()
}

pub(crate) fn success() -> Object {
    words(&["success"])
}

pub(crate) fn processing() -> Object {
    words(&["processing"])
}

pub(crate) fn failed() -> Object {
    words(&["failed"])
}

pub(crate) fn error() -> Object {
    words(&["error"])
}

pub(crate) fn yes_or_no() -> Object {
    words(&["yes", "no"])
}
