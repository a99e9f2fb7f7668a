//! Schemas of multipart forms with a file. All other fields are those of JSON,
//! as text.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::request::{Base64StringRequest, FaceImageRequest, InitImageRequest, MakeGenRequest};

/// The form of a request for images.
#[derive(Debug)]
pub(crate) struct MakeGenForm;

/// The form of an upload.
#[derive(Debug)]
pub(crate) struct Base64StringForm;

/// The form of an upload under the name of `image_editing`.
#[derive(Debug)]
pub(crate) struct InitImageForm;

/// The form of a search for faces.
#[derive(Debug)]
pub(crate) struct FaceImageForm;

impl ToSchema for FaceImageForm {}
impl ToSchema for MakeGenForm {}
impl ToSchema for Base64StringForm {}
impl ToSchema for InitImageForm {}

impl PartialSchema for MakeGenForm {
    fn schema() -> RefOr<Schema> {
        let description = "The photo: the file, or its URL, data URI or base64 as text.";
        with_file(MakeGenRequest::schema(), "face_image", description)
    }
}

impl PartialSchema for FaceImageForm {
    fn schema() -> RefOr<Schema> {
        let description = "The photo: the file, or its data URI or base64 as text.";
        with_file(FaceImageRequest::schema(), "face_image", description)
    }
}

impl PartialSchema for Base64StringForm {
    fn schema() -> RefOr<Schema> {
        let description = "The image: the file, or its data URI or base64 as text.";
        with_file(Base64StringRequest::schema(), "base64_string", description)
    }
}

impl PartialSchema for InitImageForm {
    fn schema() -> RefOr<Schema> {
        let description = "The image: the file, or its data URI or base64 as text.";
        with_file(InitImageRequest::schema(), "init_image", description)
    }
}

/// Returns the schema with a file in the field `name`, and without the examples,
/// which are JSON.
fn with_file(schema: RefOr<Schema>, name: &str, description: &str) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut body)) = schema else {
        return schema;
    };
    let file = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
        .description(Some(description));
    body.properties.insert(name.to_owned(), file.into());
    body.examples.clear();
    RefOr::T(Schema::Object(body))
}
