//! The limits of one key, so that no key starves the others.

/// The limits of one key; 0 means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// How many requests to generate or upload images it may make within any
    /// minute.
    pub requests_per_minute: u32,
    /// How many of its jobs may be queued at once.
    pub queue_share: u32,
    /// How many bytes of its uploaded images may be stored at once; a short
    /// file counts as [`SHORTEST_UPLOAD`].
    pub upload_bytes: u64,
}

/// How many bytes an uploaded file counts at least, so that a key cannot fill
/// the disk with many short files.
pub const SHORTEST_UPLOAD: u64 = 100_000;

/// The limits that were set for one key; `None`: the server's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnLimits {
    /// See [`KeyLimits::requests_per_minute`].
    pub requests_per_minute: Option<u32>,
    /// See [`KeyLimits::queue_share`].
    pub queue_share: Option<u32>,
}

impl OwnLimits {
    /// Returns the limits of the key on a server with these defaults.
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
