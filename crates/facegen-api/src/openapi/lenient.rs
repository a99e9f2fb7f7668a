//! Schemas of leniently parsed values: numbers and flags also as text, and
//! absence in three forms.

use std::ops::RangeInclusive;

use serde_json::{Value, json};
use utoipa::openapi::schema::{
    AnyOf, AnyOfBuilder, Object, ObjectBuilder, Schema, SchemaType, Type,
};

/// A number as text; white space around it is ignored.
const NUMBER: &str = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$";

/// Text that is not blank.
const SOMETHING: &str = r"\S";

/// Returns the schema of a whole number within `range`; `default` when it is
/// absent.
pub(super) fn integer(range: &RangeInclusive<u32>, default: Option<u32>) -> AnyOfBuilder {
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(f64::from(*range.start())))
        .maximum(Some(f64::from(*range.end())));
    optional(number.build(), default.map(Value::from)).item(pattern(NUMBER))
}

/// Returns the schema of a number, within `range` if one is given; `default`
/// when it is absent.
pub(super) fn number(range: Option<&RangeInclusive<f64>>, default: f64) -> AnyOfBuilder {
    let number = ObjectBuilder::new()
        .schema_type(Type::Number)
        .minimum(range.map(|range| *range.start()))
        .maximum(range.map(|range| *range.end()));
    optional(number.build(), Some(default.into())).item(pattern(NUMBER))
}

/// Returns the schema of a flag; `default` when it is absent.
pub(super) fn flag(default: bool) -> AnyOfBuilder {
    let words = ["true", "yes", "1", "false", "no", "0"];
    let words = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words));
    let bits = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some([0, 1]));
    let flag = ObjectBuilder::new().schema_type(Type::Boolean).build();
    optional(flag, Some(default.into())).item(words).item(bits)
}

/// Returns the schema of one of `names`; `default` when it is absent.
pub(super) fn choice<'a>(names: impl IntoIterator<Item = &'a str>, default: &str) -> AnyOfBuilder {
    let name = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names));
    optional(name.build(), Some(default.into()))
}

/// Returns the schema of text of at most `length` characters, which may be
/// absent.
pub(super) fn text(length: usize) -> AnyOfBuilder {
    optional(some_text(length).build(), None)
}

/// Returns the schema of text of at most `length` characters that is not blank.
pub(super) fn required_text(length: Option<usize>) -> ObjectBuilder {
    match length {
        Some(length) => some_text(length),
        None => ObjectBuilder::new().schema_type(Type::String),
    }
    .pattern(Some(SOMETHING))
}

/// Returns the schema of a string, number or flag, which may be absent.
pub(super) fn scalar(length: usize) -> AnyOfBuilder {
    let others = [Type::Number, Type::Boolean];
    let others = ObjectBuilder::new().schema_type(SchemaType::from_iter(others));
    text(length).item(others)
}

fn some_text(length: usize) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(length))
}

/// Returns `schema` or one of the forms of absence, which mean `default`.
fn optional(schema: Object, default: Option<Value>) -> AnyOfBuilder {
    let nothing = ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .enum_values(Some([Value::Null, json!(""), json!("null")]))
        .description(Some("nothing"));
    AnyOf::builder()
        .item(schema)
        .item(Schema::Object(nothing.build()))
        .default(default)
}

fn pattern(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
}
