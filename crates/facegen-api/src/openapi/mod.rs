//! The OpenAPI document, built from the routes, their handlers and the wire
//! types.

mod aliases;
pub(crate) mod errors;
pub(crate) mod examples;
pub(crate) mod foreign;
mod lenient;
pub(crate) mod multipart;
pub(crate) mod request;
pub(crate) mod webhook;
pub(crate) mod words;

#[cfg(test)]
mod tests;

use std::iter;
use std::sync::LazyLock;

use utoipa::openapi::RefOr;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::{Modify, OpenApi};

use self::webhook::{WebhookBody, WebhookFailure, WebhookSuccess};
use crate::error::ErrorBody;
use crate::routes::routes;
use crate::wire::v1::progress::StreamProgress;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

/// The parts of the document that no route declares.
#[derive(OpenApi)]
#[openapi(
    info(title = "facegen", description = include_str!("description.md")),
    servers((url = "/", description = "this server")),
    tags(
        (name = "face_gen", description = "Images of a person from one photo and a prompt"),
        (name = "control", description = "Control of the server"),
        (name = "v1", description = "What there is beyond the documented API"),
        (name = "files", description = "The images themselves; the name is the secret"),
        (name = "operations", description = "For operators and their machines"),
        (name = "webhooks", description = "What this server sends"),
        (name = aliases::TAG, description = "Other paths of operations above, which clients call"),
    ),
    components(schemas(ErrorBody, StreamProgress, WebhookBody, WebhookSuccess, WebhookFailure)),
    security((), ("key" = []), ("bearer" = [])),
    modifiers(&SecuritySchemes),
)]
struct Frame;

/// The security schemes: the key in a header instead of the body.
struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let header = ApiKeyValue::with_description("key", "The key, when the body has none.");
        let header = SecurityScheme::ApiKey(ApiKey::Header(header));
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "The key, when neither the body nor the header `key` has one.",
            ));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", header);
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    }
}

/// Returns the OpenAPI document of all routes of [`router()`](crate::router()).
#[must_use]
pub fn openapi() -> &'static utoipa::openapi::OpenApi {
    static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(|| {
        let mut document = Frame::openapi();
        document.merge(routes().into_openapi());
        document.webhooks = Some(crate::webhook::described());
        let components = document.components.get_or_insert_default();
        for (name, response) in errors::components() {
            components.responses.insert(name, response.into());
        }
        aliases::fold(&mut document.paths);
        for (path, item) in &mut document.paths.paths {
            complete(path, item);
        }
        document
    });
    &DOCUMENT
}

/// Completes the operations of `path`: each gets its own id, as one handler can
/// serve many paths, and accepts forms of both kinds as well as JSON. Those with
/// files are declared by their handlers.
fn complete(path: &str, item: &mut PathItem) {
    if let Some(get) = &mut item.get {
        get.request_body = None;
    }
    let methods = [
        ("get", &mut item.get),
        ("head", &mut item.head),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
    ];
    for (method, operation) in methods {
        let Some(operation) = operation else {
            continue;
        };
        operation.operation_id = Some(operation_name(method, path));
        if method != "post" && operation.security.is_none() {
            // The key cannot be in a body.
            let headers = ["key", "bearer"].map(|name| SecurityRequirement::new(name, [""; 0]));
            operation.security = Some(headers.into());
        }
        if let Some(RefOr::T(body)) = &mut operation.request_body
            && let Some(fields) = body.content.get(JSON).cloned()
        {
            body.content.insert(FORM.to_owned(), fields.clone());
            body.content.entry(MULTIPART.to_owned()).or_insert(fields);
        }
    }
}

fn operation_name(method: &str, path: &str) -> String {
    let words = path.split(|character: char| !character.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    iter::once(method)
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}
