//! Requests that can be sent again without creating a second job.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::{FaceSource, GenerationRequest};

/// How long a request is remembered.
pub const REMEMBERED: Duration = Duration::from_hours(24);

/// The longest idempotency key, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// The idempotency key of a request, and a hash of the request. Idempotency
/// keys are scoped to an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The idempotency key.
    pub name: String,
    /// SHA-256 of the request.
    pub digest: [u8; 32],
}

impl Idempotency {
    /// Checks that `name` is a valid idempotency key: not too long, and of
    /// printable ASCII.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        (1..=MAX_NAME_BYTES).contains(&name.len())
            && name.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    }

    /// Hashes the request of this name at this `route`. A seed that was drawn
    /// must not make two equal requests differ: then `seeded` is false and the
    /// seed in `request` must be a constant.
    #[must_use]
    pub fn new(
        name: &str,
        route: &str,
        request: &GenerationRequest,
        seeded: bool,
        face: &FaceSource,
    ) -> Self {
        let mut hasher = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(route.as_bytes());
        // A parsed request can always be serialized.
        part(&serde_json::to_vec(request).unwrap_or_default());
        part(&[u8::from(seeded)]);
        match face {
            FaceSource::Url(url) => part(url.expose().as_bytes()),
            FaceSource::Inline(image) => {
                part(b"");
                part(image.bytes());
            }
        }
        Self {
            name: name.to_owned(),
            digest: hasher.finalize().into(),
        }
    }
}
