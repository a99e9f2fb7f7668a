//! How much one key may ask for, so that no key takes the place of the others.

/// How much one key may ask for; a limit of 0 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// How many requests for images, or to keep one, it may make within any
    /// minute.
    pub requests_per_minute: u32,
    /// How many of its jobs may wait at once.
    pub queue_share: u32,
    /// How many bytes of images that were uploaded for it may be kept at
    /// once; a short file counts as one of [`SHORTEST_UPLOAD`].
    pub upload_bytes: u64,
}

/// As how many bytes an uploaded file counts at least, so that a key cannot
/// fill the disk with short ones either.
pub const SHORTEST_UPLOAD: u64 = 100_000;

/// What was set for one key; `None`: as the server has it for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnLimits {
    /// See [`KeyLimits::requests_per_minute`].
    pub requests_per_minute: Option<u32>,
    /// See [`KeyLimits::queue_share`].
    pub queue_share: Option<u32>,
}

impl OwnLimits {
    /// What applies to the key on a server with these limits for all.
    #[must_use]
    pub fn or(self, server: KeyLimits) -> KeyLimits {
        let Self {
            requests_per_minute,
            queue_share,
        } = self;
        KeyLimits {
            requests_per_minute: requests_per_minute.unwrap_or(server.requests_per_minute),
            queue_share: queue_share.unwrap_or(server.queue_share),
            ..server
        }
    }
}
