//! How the images of a request are delivered.

use serde::{Deserialize, Serialize};

use super::scalar::Scalar;
use crate::redact::SafeUrl;

/// How the images of a request are delivered. No engine sees any of it. `Debug`
/// shows only the host of the webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryOptions {
    /// Whether the images are wanted as base64 text.
    pub base64: bool,
    /// The URL to which the end of the job is reported, as sent.
    pub webhook: Option<SafeUrl>,
    /// The caller's id for the request, with the type in which it was sent.
    pub track_id: Option<Scalar>,
}
