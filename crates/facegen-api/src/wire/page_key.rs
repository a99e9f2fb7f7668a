//! The answer with the key of a page.

use facegen_core::redact::Secret;
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::words;

/// The key of a page.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageKey<'a> {
    #[schema(schema_with = words::success)]
    status: &'static str,
    /// The text of the key.
    key: &'a str,
}

impl<'a> PageKey<'a> {
    /// Creates the answer with this key.
    pub(crate) fn new(key: &'a Secret<String>) -> Self {
        Self {
            status: "success",
            key: key.expose(),
        }
    }
}
