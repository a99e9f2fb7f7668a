//! Authentication and the rate limit.

use facegen_core::key::Key;
use facegen_core::key_limits::KeyLimits;
use facegen_core::redact::Secret;

use super::JobService;
use crate::error::JobError;

impl JobService {
    /// Finds the key with this text, unless it is unknown or revoked.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    pub async fn authenticate(&self, key: &Secret<String>) -> Result<Option<Key>, JobError> {
        Ok(self.context.keys.authenticate(key).await?)
    }

    /// Returns the limits of `key`: its own, else those of the server.
    #[must_use]
    pub fn limits(&self, key: &Key) -> KeyLimits {
        key.limits.or(self.context.storage.config().key_limits)
    }

    /// Counts a request for images, or to keep one, whether it succeeds or not.
    ///
    /// # Errors
    /// Fails when the key has used up its requests of the last minute, or the
    /// store cannot be written.
    pub async fn count_request(&self, key: &Key) -> Result<(), JobError> {
        let limit = self.limits(key).requests_per_minute;
        if limit == 0 {
            return Ok(());
        }
        let now = self.context.storage.clock.monotonic();
        let rate_limits = &self.context.storage.stores.rate_limits;
        let counted = rate_limits.count(key.id, limit, now).await?;
        counted.map_err(|retry_after| JobError::TooManyRequests { limit, retry_after })
    }
}
