//! The description of the API, made from the routes, their handlers and the
//! wire types.
//!
//! | chapter | holds |
//! |---|---|
//! | `request` | bodies as they may be sent |
//! | `lenient` | the values in them |
//! | `errors` | which errors which kind of call may get |
//! | `webhook` | bodies that receivers of webhooks get |
//! | `foreign` | what other crates have in answers |
//! | `words` | texts of answers that are one of a few words |
//! | `examples` | the examples of the documentation |

pub(crate) mod errors;
pub(crate) mod examples;
pub(crate) mod foreign;
mod lenient;
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
use crate::wire::v1::job::Progress;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// What no route says.
#[derive(OpenApi)]
#[openapi(
    info(title = "facegen", description = include_str!("description.md")),
    servers((url = "/", description = "this server")),
    tags(
        (name = "face_gen", description = "Images of a person from one photo and a prompt"),
        (name = "control", description = "What callers tell a server of their own"),
        (name = "v1", description = "What there is beyond the documented API"),
        (name = "files", description = "The images themselves; the name is the secret"),
        (name = "operations", description = "For operators and their machines"),
        (name = "webhooks", description = "What this server sends"),
    ),
    components(schemas(ErrorBody, Progress, WebhookBody, WebhookSuccess, WebhookFailure)),
    security((), ("key" = []), ("bearer" = [])),
    modifiers(&SecuritySchemes),
)]
struct Frame;

/// The ways to send the key, besides the body.
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

/// The description of everything that [`router()`](crate::router()) serves.
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
        for (path, item) in &mut document.paths.paths {
            complete(path, item);
        }
        document
    });
    &DOCUMENT
}

/// Adds to the operations of `path` what holds for all: a name of its own each,
/// though one handler may serve many paths, and forms in place of JSON.
fn complete(path: &str, item: &mut PathItem) {
    if let Some(get) = &mut item.get {
        get.request_body = None;
    }
    let methods = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
    ];
    for (method, operation) in methods {
        let Some(operation) = operation else {
            continue;
        };
        operation.operation_id = Some(operation_name(method, path));
        if method != "post" && operation.security.is_none() {
            // There is no body for the key.
            let headers = ["key", "bearer"].map(|name| SecurityRequirement::new(name, [""; 0]));
            operation.security = Some(headers.into());
        }
        if let Some(RefOr::T(body)) = &mut operation.request_body
            && let Some(fields) = body.content.get(JSON).cloned()
        {
            body.content.insert(FORM.to_owned(), fields);
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
