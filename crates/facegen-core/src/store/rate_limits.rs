//! The port to the request counts of keys.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::key::KeyId;

/// Counts the requests of each key within the last minute.
#[async_trait]
pub trait RateLimitStore: fmt::Debug + Send + Sync {
    /// Counts a request at `now`, on the monotonic clock, if fewer than `limit`
    /// were counted within the last minute; otherwise returns the time until
    /// the next one is allowed.
    ///
    /// # Errors
    /// Fails when the store cannot be read or written.
    async fn count(
        &self,
        key: KeyId,
        limit: u32,
        now: Duration,
    ) -> Result<Result<(), Duration>, StoreError>;
}
