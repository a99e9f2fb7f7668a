//! The API documentation as a page, with Swagger UI. It is compiled in and
//! loads nothing from other hosts.

use std::sync::{Arc, LazyLock};

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use tracing::warn;
use utoipa_swagger_ui::{Config, serve};

use crate::ApiError;
use crate::openapi::errors::{FileErrors, OpenErrors};

static CONFIG: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/openapi.json")));

/// Swagger UI sets inline styles on its elements.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The file that begins the page.
const INITIALIZER: &str = "swagger-initializer.js";

/// What is added to it.
const FOLD_ALIASES: &str = "
// The other paths of operations are described, but folded.
window.addEventListener(\"load\", () => window.ui.layoutActions.show([\"operations-tag\", \"aliases\"], false));
";

/// The API documentation as a page
///
/// Its files are below `/docs/`.
#[utoipa::path(
    get,
    path = "",
    tag = "operations",
    responses((status = 307, description = "Where the page is"), OpenErrors),
    security(()),
)]
pub(crate) async fn index() -> Redirect {
    Redirect::temporary("/docs/index.html")
}

/// A file of the documentation page
#[utoipa::path(
    get,
    path = "",
    tag = "operations",
    params(("file" = String, Path, description = "The name.", example = "index.html")),
    responses(
        (status = 200, description = "The file", content(
            (String = "text/html"), (String = "text/css"), (String = "text/javascript"),
            (String = "application/json"), ("image/png"),
        )),
        FileErrors,
    ),
    security(()),
)]
pub(crate) async fn file(path: Result<Path<String>, PathRejection>) -> Result<Response, ApiError> {
    let Path(name) = path.map_err(|_| ApiError::UnknownFile)?;
    let found = serve(&name, Arc::clone(&CONFIG)).map_err(|error| {
        warn!(%error, "failed to read a file of the openapi pages");
        ApiError::UnknownFile
    })?;
    let found = found.ok_or(ApiError::UnknownFile)?;
    let headers = [
        (CONTENT_TYPE, found.content_type.as_str()),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    let mut bytes = found.bytes.into_owned();
    if name == INITIALIZER {
        bytes.extend_from_slice(FOLD_ALIASES.as_bytes());
    }
    Ok((headers, bytes).into_response())
}
