//! Requests that may be sent again without making a second job.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::{FaceSource, GenerationRequest};

/// How long a request is remembered.
pub const REMEMBERED: Duration = Duration::from_hours(24);

/// The longest name of a request, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// The caller's own name for a request, and what the request asks for. Names
/// belong to their API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The name.
    pub name: String,
    /// SHA-256 of what the request asks for.
    pub digest: [u8; 32],
}

impl Idempotency {
    /// Whether `name` has a length and characters that a name may have:
    /// printable ASCII.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        (1..=MAX_NAME_BYTES).contains(&name.len())
            && name.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    }

    /// The request of this name at this `route`. A seed that was drawn must not
    /// tell two equal requests apart: then `seeded` is false and the one in
    /// `request` is always the same.
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
        // What the parser made can be written.
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
