//! Schemas of the bodies of webhooks.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOf, Ref, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{examples, words};
use crate::wire::Success;

const TRACK_ID: &str = "track_id";

/// The job succeeded.
#[derive(Debug)]
pub(crate) struct WebhookSuccess;

/// The job failed or was cancelled, or its images are gone.
#[derive(Debug)]
pub(crate) struct WebhookFailure;

/// The body of the webhook of a job that has ended.
#[derive(Debug)]
pub(crate) struct WebhookBody;

impl ToSchema for WebhookBody {}
impl ToSchema for WebhookSuccess {}
impl ToSchema for WebhookFailure {}

impl PartialSchema for WebhookBody {
    fn schema() -> RefOr<Schema> {
        let either = [WebhookSuccess::name(), WebhookFailure::name()];
        let either = either.into_iter().fold(OneOf::builder(), |either, name| {
            either.item(Ref::from_schema_name(name))
        });
        either.into()
    }
}

impl PartialSchema for WebhookSuccess {
    /// Adds the `track_id` to the schema of the answer of `make_gen`.
    fn schema() -> RefOr<Schema> {
        let mut schema = Success::schema();
        if let RefOr::T(Schema::Object(body)) = &mut schema {
            body.properties.insert(TRACK_ID.to_owned(), track_id());
            body.properties.insert(String::from("output"), links());
            body.required.push(TRACK_ID.to_owned());
            body.example = Some(examples::webhook());
        }
        schema
    }
}

impl PartialSchema for WebhookFailure {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let number = ObjectBuilder::new().schema_type(Type::Integer);
        let fields = [
            ("status", words::failed().into()),
            ("id", number.minimum(Some(1_f64)).into()),
            ("message", text.description(Some("Why.")).into()),
            (TRACK_ID, track_id()),
        ];
        let body = ObjectBuilder::new().schema_type(Type::Object);
        let body = fields.into_iter().fold(body, |body, (name, field)| {
            body.property(name, field).required(name)
        });
        body.into()
    }
}

/// Webhooks always have links, never base64.
fn links() -> RefOr<Schema> {
    let link = ObjectBuilder::new().schema_type(Type::String);
    ArrayBuilder::new()
        .items(link)
        .description(Some("The links to the images."))
        .into()
}

fn track_id() -> RefOr<Schema> {
    let types = [Type::String, Type::Number, Type::Boolean, Type::Null];
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter(types))
        .description(Some("As it was sent, with its type; null when none was."))
        .into()
}
