//! The deliveries of a key: listed, found and replayed.

use facegen_core::key::KeyId;
use facegen_core::store::{DeliveryRecord, Event};

use super::JobService;
use crate::error::JobError;

/// The outcome of a request to replay a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// It is delivered again, under the same name.
    Queued(DeliveryRecord),
    /// It waits or is in flight already.
    Busy,
    /// There is no such delivery.
    Unknown,
}

impl JobService {
    /// Lists the latest deliveries of `key`, those before this number, `limit`
    /// at most.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
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

    /// Finds the delivery of this name, if it belongs to `key`.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
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

    /// Replays a delivery that was delivered or given up.
    ///
    /// # Errors
    /// Fails when the store cannot be read or written.
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
