//! Who may ask, and how often.

use facegen_core::key::Key;
use facegen_core::redact::Secret;

use super::JobService;
use crate::error::JobError;

impl JobService {
    /// The key that this text is, unless it is unknown or revoked.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn authenticate(&self, key: &Secret<String>) -> Result<Option<Key>, JobError> {
        Ok(self.context.keys.authenticate(key).await?)
    }

    /// Counts a request for images, or to keep one, whatever becomes of it.
    ///
    /// # Errors
    /// The key has made as many within the last minute as it may, or the store cannot be
    /// written.
    pub async fn count_request(&self, key: &Key) -> Result<(), JobError> {
        let limits = key.limits.or(self.context.storage.config().key_limits);
        let limit = limits.requests_per_minute;
        if limit == 0 {
            return Ok(());
        }
        let now = self.context.storage.clock.monotonic();
        let rate_limits = &self.context.storage.stores.rate_limits;
        let counted = rate_limits.count(key.id, limit, now).await?;
        counted.map_err(|retry_after| JobError::TooManyRequests { limit, retry_after })
    }
}
