//! Schemas of request bodies. Leniently parsed fields are described as they are
//! parsed, with the limits of the parser.

use facegen_core::JobId;
use facegen_core::SafetyAction;
use facegen_core::bucket::raw::{
    MAX_BUCKET_URL_BYTES, MAX_CREDENTIAL_BYTES, MAX_DIRECTORY_BYTES, MAX_REGION_BYTES,
};
use facegen_core::request::prompt::MAX_CHARACTERS;
use facegen_core::request::raw::{MAX_TRACK_ID_BYTES, MAX_WEBHOOK_BYTES};
use facegen_core::request::{GuidanceScale, SScale, Samples, SizeLimits, StepChoices, Style};
use facegen_core::{RawBucketDetails, RawGenerationRequest};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{examples, lenient};

/// The body of a request for images.
#[derive(Debug)]
pub(crate) struct MakeGenRequest;

/// A body with nothing but a key.
#[derive(Debug)]
pub(crate) struct KeyRequest;

/// The body of a request for a job.
#[derive(Debug)]
pub(crate) struct FetchRequest;

/// The body that sets the bucket of a key.
#[derive(Debug)]
pub(crate) struct UpdateBucketRequest;

/// The body that resets the bucket of a key.
#[derive(Debug)]
pub(crate) struct ResetBucketRequest;

/// The body of an upload.
#[derive(Debug)]
pub(crate) struct Base64StringRequest;

/// The body of an upload under the name of `image_editing`.
#[derive(Debug)]
pub(crate) struct InitImageRequest;

/// The body of a search for faces.
#[derive(Debug)]
pub(crate) struct FaceImageRequest;

impl ToSchema for Base64StringRequest {}
impl ToSchema for FaceImageRequest {}
impl ToSchema for InitImageRequest {}
impl ToSchema for UpdateBucketRequest {}
impl ToSchema for ResetBucketRequest {}
impl ToSchema for MakeGenRequest {}
impl ToSchema for KeyRequest {}
impl ToSchema for FetchRequest {}

impl PartialSchema for MakeGenRequest {
    fn schema() -> RefOr<Schema> {
        let names = RawGenerationRequest::NAMES.into_iter();
        let fields = names.filter_map(|name| Some((name, generation_field(name)?)));
        let body = keyed()
            .property("prompt", prompt())
            .property("face_image", face_image());
        let body = fields.fold(body, |body, (name, field)| body.property(name, field));
        body.required("prompt")
            .required("face_image")
            .examples([examples::make_gen_request()])
            .into()
    }
}

impl PartialSchema for KeyRequest {
    fn schema() -> RefOr<Schema> {
        keyed().examples([examples::key_request()]).into()
    }
}

impl PartialSchema for FetchRequest {
    fn schema() -> RefOr<Schema> {
        let id = || lenient::integer(&(1..=JobId::MAX), None);
        keyed()
            .property("request_id", id().description(Some("The id of the job.")))
            .property(
                "id",
                id().description(Some("The same, when there is no `request_id`.")),
            )
            .examples([examples::fetch_request()])
            .into()
    }
}

impl PartialSchema for Base64StringRequest {
    fn schema() -> RefOr<Schema> {
        let body = image("base64_string", "init_image");
        body.examples([examples::base64_string()]).into()
    }
}

impl PartialSchema for InitImageRequest {
    fn schema() -> RefOr<Schema> {
        let body = image("init_image", "base64_string");
        body.examples([examples::init_image()]).into()
    }
}

impl PartialSchema for FaceImageRequest {
    fn schema() -> RefOr<Schema> {
        let description =
            "The photo: a data URI or bare base64 of a JPEG, PNG, WebP or GIF, but no URL.";
        let photo = lenient::required_text(None).description(Some(description));
        let body = keyed().property("face_image", photo);
        let body = body.required("face_image");
        body.examples([examples::face_image()]).into()
    }
}

impl PartialSchema for UpdateBucketRequest {
    fn schema() -> RefOr<Schema> {
        let texts = [
            ("endpoint_url", MAX_BUCKET_URL_BYTES),
            ("public_url", MAX_BUCKET_URL_BYTES),
            ("region_name", MAX_REGION_BYTES),
            ("aws_access_key_id", MAX_CREDENTIAL_BYTES),
            ("aws_secret_access_key", MAX_CREDENTIAL_BYTES),
            ("image_directory", MAX_DIRECTORY_BYTES),
        ];
        let body = keyed().property("deploy_type", deploy_type());
        let body = texts.into_iter().fold(body, |body, (name, length)| {
            body.property(name, lenient::required_text(Some(length)))
                .required(name)
        });
        body.into()
    }
}

impl PartialSchema for ResetBucketRequest {
    fn schema() -> RefOr<Schema> {
        keyed().property("deploy_type", deploy_type()).into()
    }
}

fn deploy_type() -> AnyOfBuilder {
    let mut names = RawBucketDetails::deploy_types();
    let default = names.next().unwrap_or_default();
    lenient::choice(RawBucketDetails::deploy_types(), default)
}

/// Returns the schema of a body with an image in `name` or `other`.
fn image(name: &str, other: &str) -> ObjectBuilder {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let is_name = "The image: a data URI or bare base64 of a JPEG, PNG, WebP or GIF.";
    let is_other = format!("The same, when there is no `{name}`.");
    keyed()
        .property(name, text().description(Some(is_name)))
        .property(other, text().description(Some(is_other)))
}

/// Returns the schema of a body with a key.
fn keyed() -> ObjectBuilder {
    let key = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("The key; without it one in a header counts."));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("key", key)
}

fn prompt() -> ObjectBuilder {
    lenient::required_text(Some(MAX_CHARACTERS)).description(Some(
        "What the images are to show. Beyond 77 tokens it is cut.",
    ))
}

fn face_image() -> ObjectBuilder {
    lenient::required_text(None).description(Some(
        "The photo: an http or https URL, a data URI or bare base64 of a JPEG, PNG, WebP or GIF.",
    ))
}

/// Returns the schema of an optional field; `None` for a required one.
fn generation_field(name: &str) -> Option<AnyOfBuilder> {
    image_field(name).or_else(|| handling_field(name))
}

/// Returns the schema of a field that decides what the images show.
fn image_field(name: &str) -> Option<AnyOfBuilder> {
    let (field, description) = match name {
        "negative_prompt" => (
            lenient::text(MAX_CHARACTERS),
            "What the images are not to show. Unused when the guidance scale is 1 or less.",
        ),
        "width" | "height" => (
            lenient::integer(&SizeLimits::default().sides(), Some(512)),
            "In pixels; width times height is at most 512 × 768. Rounded down to a multiple of 8. \
             Without it, on the paths of v6 the photo's decides.",
        ),
        "num_inference_steps" => (
            lenient::integer(&StepChoices::ACCEPTED, Some(21)),
            "Snapped to the nearest of 21, 31 and 41.",
        ),
        "guidance_scale" => (
            lenient::number(
                Some(&GuidanceScale::ACCEPTED),
                GuidanceScale::default().get(),
            ),
            "How strongly the prompt is followed.",
        ),
        "s_scale" => (
            lenient::number(None, SScale::default().get()),
            "The weight of the face's structure, clamped to 0 to 2.",
        ),
        "seed" => (
            lenient::integer(&(0..=u32::MAX), None),
            "The same seed gives the same image. Random when absent.",
        ),
        "samples" => (
            lenient::integer(&Samples::ACCEPTED, Some(1)),
            "How many images; the second is that of seed + 1.",
        ),
        "style" => (
            lenient::choice(
                Style::ALL.iter().map(|style| style.as_str()),
                Style::default().as_str(),
            ),
            "The look of the images, one of those that the loaded models offer.",
        ),
        _ => return None,
    };
    Some(field.description(Some(description)))
}

/// Returns the schema of a field that decides how they are delivered.
fn handling_field(name: &str) -> Option<AnyOfBuilder> {
    let (field, description) = match name {
        "safety_checker" => (lenient::flag(true), "Whether unsafe images are looked for."),
        "safety_checker_type" => (
            lenient::choice(
                SafetyAction::ALL.iter().map(|action| action.as_str()),
                SafetyAction::default().as_str(),
            ),
            "What is done to them.",
        ),
        "base64" => (
            lenient::flag(false),
            "Whether the links lead to base64 text in place of a PNG.",
        ),
        "webhook" => (
            lenient::text(MAX_WEBHOOK_BYTES),
            "The http or https URL to which the result is posted; the answer is `processing` at once.",
        ),
        "track_id" => (
            lenient::scalar(MAX_TRACK_ID_BYTES),
            "Comes back in the webhook, with the type it was sent in.",
        ),
        _ => return None,
    };
    Some(field.description(Some(description)))
}
