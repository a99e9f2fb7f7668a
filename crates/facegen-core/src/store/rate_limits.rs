//! The port to how often each key asks.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::key::KeyId;

/// Counts the requests of each key within the last minute.
#[async_trait]
pub trait RateLimitStore: fmt::Debug + Send + Sync {
    /// Counts a request at `now`, on the monotonic clock, if fewer than `limit`
    /// were counted within the last minute; else returns how long it takes
    /// until there is room.
    ///
    /// # Errors
    /// The store cannot be read or written.
    async fn count(
        &self,
        key: KeyId,
        limit: u32,
        now: Duration,
    ) -> Result<Result<(), Duration>, StoreError>;
}
