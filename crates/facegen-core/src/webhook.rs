//! The port that sends webhooks.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::redact::{SafeUrl, Secret};

/// The prefix of a webhook secret's text in Standard Webhooks.
const SECRET_BEGINNING: &str = "whsec_";

/// The key that signs the webhooks of one API key: 256 secret bits. It prints
/// as `[redacted]`.
#[derive(Debug, Clone)]
pub struct WebhookSecret(Secret<[u8; 32]>);

impl WebhookSecret {
    /// Wraps these bytes.
    #[must_use]
    pub fn new(bytes: Secret<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, for the one place that signs.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// Returns the text that a receiver passes to its library: `whsec_` and
    /// base64.
    #[must_use]
    pub fn to_text(&self) -> Secret<String> {
        let base64 = STANDARD.encode(self.expose());
        Secret::new(format!("{SECRET_BEGINNING}{base64}"))
    }
}

/// One message for a receiver.
#[derive(Clone)]
pub struct WebhookMessage {
    /// The id of the delivery, the same for every attempt.
    pub id: String,
    /// The URL of the receiver, as the caller sent it.
    pub url: SafeUrl,
    /// The body, in JSON.
    pub body: String,
    /// The signing secret; `None`: the message is sent unsigned.
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

/// The outcome of one attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// The receiver accepted it (2xx).
    Delivered,
    /// A later attempt may succeed.
    Retry {
        /// How long the receiver asks to wait.
        after: Option<Duration>,
        /// Why it failed, for logs and rows: no URL, no body.
        reason: String,
    },
    /// It can never be delivered: the receiver is gone (410), or the URL is not
    /// allowed.
    Refused {
        /// Why, for logs and rows.
        reason: String,
    },
}

/// Delivers messages to receivers.
#[async_trait]
pub trait WebhookSender: fmt::Debug + Send + Sync {
    /// Tries once, for at most 30 seconds.
    async fn send(&self, message: &WebhookMessage) -> WebhookOutcome;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_the_text_of_the_standard_and_prints_redacted() {
        let secret = WebhookSecret::new(Secret::new([7; 32]));
        let text = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
        assert_eq!(secret.to_text().expose(), text);
        assert_eq!(format!("{secret:?}"), "WebhookSecret([redacted])");
        assert_eq!(format!("{:?}", secret.to_text()), "[redacted]");
    }
}
