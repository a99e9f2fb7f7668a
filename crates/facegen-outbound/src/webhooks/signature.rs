//! Signatures by Standard Webhooks, <https://www.standardwebhooks.com>: a
//! receiver that knows the secret can verify who sent a message and when, and
//! that it was not changed on its way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use facegen_core::{Timestamp, WebhookMessage, WebhookSecret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The version of the scheme, which precedes the signature.
const VERSION: &str = "v1";

/// Returns the headers of one attempt to deliver a message. Its id is the same
/// for all of them, by which receivers recognise repetitions; the time is the
/// attempt's own, by which they recognise a replay.
pub(super) fn headers(message: &WebhookMessage, now: Timestamp) -> Vec<(&'static str, String)> {
    let timestamp = now.as_millis().div_euclid(1000).to_string();
    let signature = message
        .secret
        .as_ref()
        .map(|secret| sign(secret, &message.id, &timestamp, &message.body));
    let signature = signature.map(|signature| ("webhook-signature", signature));
    let named = [
        ("webhook-id", message.id.clone()),
        ("webhook-timestamp", timestamp),
    ];
    named.into_iter().chain(signature).collect()
}

fn sign(secret: &WebhookSecret, id: &str, timestamp: &str, body: &str) -> String {
    // A whole block, as HMAC pads keys with zeros.
    let mut key = [0; 64];
    key[..32].copy_from_slice(secret.expose());
    let mut mac = Hmac::<Sha256>::new(&key.into());
    for part in [id, ".", timestamp, ".", body] {
        mac.update(part.as_bytes());
    }
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    format!("{VERSION},{signature}")
}

#[cfg(test)]
mod tests {
    use facegen_core::redact::{SafeUrl, Secret};

    use super::*;

    fn message(secret: Option<[u8; 32]>) -> WebhookMessage {
        WebhookMessage {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek".into(),
            url: SafeUrl::from("http://receiver.example/"),
            body: r#"{"test": 2432232314}"#.into(),
            secret: secret.map(|bytes| WebhookSecret::new(Secret::new(bytes))),
        }
    }

    #[test]
    fn a_signature_equals_that_of_the_reference_library() {
        let now = Timestamp::from_millis(1_614_265_330_999);
        let named = headers(&message(Some([7; 32])), now);
        let expected = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            // Made by the Python package standardwebhooks 1.1.0.
            (
                "webhook-signature",
                "v1,YO/ulmd+VFtlnbodv7yLOOsS6RlBZ48h++gXZrGOpZo=",
            ),
        ];
        assert_eq!(
            named,
            expected.map(|(name, value)| (name, value.to_owned()))
        );
        assert_eq!(headers(&message(None), now), named[..2]);
        assert_ne!(headers(&message(Some([8; 32])), now)[2], named[2]);
    }
}
