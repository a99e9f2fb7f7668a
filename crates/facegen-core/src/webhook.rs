//! The port to the receivers of webhooks.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::redact::{SafeUrl, Secret};

/// What the text of a webhook's secret begins with, by Standard Webhooks.
const SECRET_BEGINNING: &str = "whsec_";

/// What the webhooks of one key are signed with, 256 bits that nobody else can
/// tell. It prints as `[redacted]`.
#[derive(Debug, Clone)]
pub struct WebhookSecret(Secret<[u8; 32]>);

impl WebhookSecret {
    /// The secret of these bytes.
    #[must_use]
    pub fn new(bytes: Secret<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The bytes, for the one place that signs.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The text that a receiver gives to its library: `whsec_` and base64.
    #[must_use]
    pub fn to_text(&self) -> Secret<String> {
        let base64 = STANDARD.encode(self.expose());
        Secret::new(format!("{SECRET_BEGINNING}{base64}"))
    }
}

/// One message for a receiver.
#[derive(Clone)]
pub struct WebhookMessage {
    /// Names the delivery; the same for every attempt at it.
    pub id: String,
    /// Where it goes, as the caller gave it.
    pub url: SafeUrl,
    /// The body, JSON.
    pub body: String,
    /// What the message is signed with; `None`: it goes without a signature.
    pub secret: Option<WebhookSecret>,
}

impl fmt::Debug for WebhookMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WebhookMessage")
            .field("id", &self.id)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What came of an attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// The receiver took it (2xx).
    Delivered,
    /// It may be taken later.
    Retry {
        /// How long the receiver wants to be left alone.
        after: Option<Duration>,
        /// Why it was not taken, for logs and rows: no URL, no body.
        reason: String,
    },
    /// It will never be taken: the receiver is gone (410), or the URL is one
    /// that is not allowed.
    Refused {
        /// Why, for logs and rows.
        reason: String,
    },
}

/// Delivers messages to receivers.
#[async_trait]
pub trait WebhookSender: fmt::Debug + Send + Sync {
    /// Tries once. Never takes longer than half a minute.
    async fn send(&self, message: &WebhookMessage) -> WebhookOutcome;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_as_the_standard_has_it_and_only_when_asked() {
        let secret = WebhookSecret::new(Secret::new([7; 32]));
        let text = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
        assert_eq!(secret.to_text().expose(), text);
        assert_eq!(format!("{secret:?}"), "WebhookSecret([redacted])");
        assert_eq!(format!("{:?}", secret.to_text()), "[redacted]");
    }
}
