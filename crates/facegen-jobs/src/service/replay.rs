//! The deliveries of a key.

use facegen_core::key::KeyId;
use facegen_core::store::{DeliveryRecord, Event};

use super::JobService;
use crate::error::JobError;

/// What became of the wish to deliver something again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// It is delivered anew, under the same name.
    Queued(DeliveryRecord),
    /// It waits or is under way already.
    Busy,
    /// There is no such delivery.
    Unknown,
}

impl JobService {
    /// The latest deliveries of `key`, those before this number, `limit` at
    /// most.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn deliveries(
        &self,
        key: KeyId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, JobError> {
        Ok(self
            .context
            .storage
            .stores
            .deliveries
            .list(key, before, limit)
            .await?)
    }

    /// The delivery of this name, if it belongs to `key`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn delivery(
        &self,
        key: KeyId,
        name: &str,
    ) -> Result<Option<DeliveryRecord>, JobError> {
        Ok(self
            .context
            .storage
            .stores
            .deliveries
            .find(key, name)
            .await?)
    }

    /// Delivers again what was delivered or given up.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn replay(&self, key: KeyId, name: &str) -> Result<Replay, JobError> {
        let now = self.context.storage.clock.now();
        let queued = self
            .context
            .storage
            .stores
            .deliveries
            .replay(key, name, now)
            .await?;
        Ok(match self.delivery(key, name).await? {
            None => Replay::Unknown,
            Some(record) if queued => {
                self.context
                    .storage
                    .publish(Event::DeliveryDue(record.kind));
                Replay::Queued(record)
            }
            Some(_) => Replay::Busy,
        })
    }
}
