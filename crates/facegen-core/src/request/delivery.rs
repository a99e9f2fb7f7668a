//! How images are handed over.

use serde::{Deserialize, Serialize};

use super::scalar::Scalar;
use crate::redact::SafeUrl;

/// How the images of a request are handed over. No engine sees any of it.
/// `Debug` shows of the webhook no more than its host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryOptions {
    /// Whether the images are wanted as base64 text.
    pub base64: bool,
    /// Where to report the end of the job, as it was sent.
    pub webhook: Option<SafeUrl>,
    /// The caller's own name for the request, with the type it was sent in.
    pub track_id: Option<Scalar>,
}
