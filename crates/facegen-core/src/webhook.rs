//! The port to the receivers of webhooks.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::redact::SafeUrl;

/// One message for a receiver.
#[derive(Clone)]
pub struct WebhookMessage {
    /// Names the delivery; the same for every attempt at it.
    pub id: String,
    /// Where it goes, as the caller gave it.
    pub url: SafeUrl,
    /// The body, JSON.
    pub body: String,
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
