//! The delivery of webhooks, by Standard Webhooks: 2xx is success, everything
//! else is not, including redirects: following one would post the message to a
//! URL that its caller never named. 410 ends the delivery.

mod signature;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use facegen_core::{Clock, Timestamp, WebhookMessage, WebhookOutcome, WebhookSender};
use tracing::info;

use crate::guard::{Answer, Guard, GuardError};

/// Posts messages through the guard.
#[derive(Debug, Clone)]
pub struct HttpWebhooks {
    guard: Guard,
    clock: Arc<dyn Clock>,
    deadline: Duration,
}

impl HttpWebhooks {
    /// How long a receiver may take to answer.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

    /// Creates webhooks whose receivers answer within `deadline`; `clock` gives the
    /// time of each attempt, to which the date of a `retry-after` is compared.
    #[must_use]
    pub fn new(guard: Guard, clock: Arc<dyn Clock>, deadline: Duration) -> Self {
        Self {
            guard,
            clock,
            deadline,
        }
    }

    fn outcome(&self, answer: &Answer) -> WebhookOutcome {
        let reason = format!("the receiver answered {}", answer.status);
        match answer.status {
            200..=299 => WebhookOutcome::Delivered,
            410 => WebhookOutcome::Refused { reason },
            _ => WebhookOutcome::Retry {
                after: self.retry_after(answer),
                reason,
            },
        }
    }

    /// Returns how long the receiver asks to wait: seconds, or a date.
    fn retry_after(&self, answer: &Answer) -> Option<Duration> {
        let text = answer.retry_after.as_deref()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = httpdate::parse_http_date(text).ok()?;
        Some(Timestamp::from(date).since(self.clock.now()))
    }

    /// Returns the outcome that rows store, which their keys can read: a name
    /// that resolves to a private address looks like an unknown one, also in
    /// its retries. The log has the details.
    fn failure(&self, error: &GuardError) -> WebhookOutcome {
        if let GuardError::Refused(refusal) = error
            && let Some(rule) = refusal.rule()
        {
            let reason = format!("the webhook {rule}");
            return WebhookOutcome::Refused { reason };
        }
        let reason = match error {
            GuardError::TimedOut(_) => format!(
                "the receiver did not answer within {} seconds",
                self.deadline.as_secs_f64()
            ),
            GuardError::Refused(_)
            | GuardError::Unreachable(_)
            | GuardError::BrokenOff(_)
            | GuardError::RedirectRefused(_)
            | GuardError::TooManyRedirects(_)
            | GuardError::Status(_)
            | GuardError::Part
            | GuardError::TooLong { .. }
            | GuardError::Client(_) => "the receiver cannot be reached".to_owned(),
        };
        WebhookOutcome::Retry {
            after: None,
            reason,
        }
    }
}

#[async_trait]
impl WebhookSender for HttpWebhooks {
    async fn send(&self, message: &WebhookMessage) -> WebhookOutcome {
        let WebhookMessage { id, url, body, .. } = message;
        let headers = signature::headers(message, self.clock.now());
        let answer = self
            .guard
            .post_json(url, headers, body.clone(), self.deadline)
            .await;
        match answer {
            Ok(answer) => self.outcome(&answer),
            Err(error) => {
                info!(delivery = %id, %url, %error, "failed to deliver webhook");
                self.failure(&error)
            }
        }
    }
}
