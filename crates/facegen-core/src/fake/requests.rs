//! Requests for tests.

use crate::redact::FaceImage;
use crate::{FaceSource, GenerationRequest, RawGenerationRequest, RequestLimits};

/// The webhook of [`with_webhook`].
pub const RECEIVER: &str = "http://receiver.example/hook?token=secret";

/// Returns the smallest and fastest request, unparsed.
#[must_use]
pub fn raw(prompt: &str) -> RawGenerationRequest {
    RawGenerationRequest {
        prompt: prompt.into(),
        width: 64_i64.into(),
        height: 64_i64.into(),
        ..Default::default()
    }
}

/// Parses a request; its seed is 7 where none is given.
///
/// # Panics
/// Panics when it cannot be parsed.
#[must_use]
#[expect(clippy::unwrap_used, reason = "tests may panic")]
pub fn parse(raw: RawGenerationRequest) -> GenerationRequest {
    raw.parse(&RequestLimits::default())
        .unwrap()
        .resolve_seed(|| 7)
}

/// Returns a small request.
#[must_use]
pub fn request(prompt: &str) -> GenerationRequest {
    parse(raw(prompt))
}

/// Returns a small request with a webhook.
#[must_use]
pub fn with_webhook(prompt: &str) -> GenerationRequest {
    with_receiver(RECEIVER, prompt)
}

/// Returns a request whose end is sent to this receiver.
#[must_use]
pub fn with_receiver(receiver: &str, prompt: &str) -> GenerationRequest {
    parse(RawGenerationRequest {
        webhook: receiver.into(),
        ..raw(prompt)
    })
}

/// Returns an inline photo.
#[must_use]
pub fn inline() -> FaceSource {
    FaceSource::Inline(FaceImage::from(b"photo".to_vec()))
}
