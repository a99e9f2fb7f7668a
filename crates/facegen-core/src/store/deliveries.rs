//! The port to webhooks and uploads to buckets.

use strum::IntoStaticStr;

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use super::jobs::WorkerId;
use crate::clock::Timestamp;
use crate::job::JobId;
use crate::key::KeyId;

/// Keeps what is to be delivered. The end of a job adds its webhook and the
/// upload of its images, in the transaction that ends it.
///
/// # Errors
/// Each method fails when the store cannot be read or written, and has then
/// changed nothing.
#[async_trait]
pub trait DeliveryStore: fmt::Debug + Send + Sync {
    /// Claims the next delivery that is due for `worker` until `lease_until`:
    /// of those that `filter` lets through the oldest one of the least recently
    /// served key.
    async fn claim(
        &self,
        filter: &DeliveryFilter,
        worker: &WorkerId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Delivery>, StoreError>;

    /// Requeues deliveries whose leases have run out by `now`, except for
    /// these, which are known to be in flight.
    async fn reclaim_expired(
        &self,
        kind: DeliveryKind,
        in_flight: &[i64],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Requeues what this worker, which is dead, had claimed.
    async fn reclaim_worker(&self, worker: &WorkerId) -> Result<(), StoreError>;

    /// Lists the workers that have claimed what is running.
    async fn workers(&self) -> Result<Vec<WorkerId>, StoreError>;

    /// Stores the body that every attempt sends and returns it: the one that
    /// was stored first. `None` when the delivery is not the caller's any more.
    async fn keep_body(
        &self,
        delivery: &Delivery,
        body: &str,
    ) -> Result<Option<String>, StoreError>;

    /// Ends a delivery: delivered without an error, else given up.
    async fn finish(
        &self,
        delivery: &Delivery,
        error: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Requeues a delivery that failed, to be tried again at `run_at`.
    async fn postpone(
        &self,
        delivery: &Delivery,
        error: &str,
        run_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Requeues a delivery that was not tried.
    async fn release(&self, delivery: &Delivery) -> Result<(), StoreError>;

    /// Lists the latest deliveries of `key` before this number.
    async fn list(
        &self,
        key: KeyId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, StoreError>;

    /// Finds the delivery of this name, if it is `key`'s.
    async fn find(&self, key: KeyId, name: &str) -> Result<Option<DeliveryRecord>, StoreError>;

    /// Requeues the delivery of this name, if it is `key`'s and has ended.
    /// False when nothing has changed.
    async fn replay(&self, key: KeyId, name: &str, now: Timestamp) -> Result<bool, StoreError>;
}

/// What is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum DeliveryKind {
    /// The end of a job, to whom it names.
    Webhook,
    /// The images of a job, to a bucket that did not take them.
    Upload,
}

impl DeliveryKind {
    /// Its name in rows, logs, metrics and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What is the caller's to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// What is delivered.
    pub kind: DeliveryKind,
    /// The same for every attempt.
    pub name: String,
    /// Whose end is told, or whose images are uploaded.
    pub job: JobId,
    /// Whose job that is.
    pub key: KeyId,
    /// Who receives it: a host, or the bucket of a key.
    pub receiver: String,
    /// Which attempt this is, from 1. It tells this sender from those before.
    pub attempt: u32,
    /// Which attempt this is since the delivery was last asked for, from 1.
    pub attempt_since_asked: u32,
}

/// Which deliveries may be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// What is delivered.
    pub kind: DeliveryKind,
    /// Only what was not tried since it was asked for, or only the rest.
    pub first: bool,
    /// Not what these receive.
    pub without_receivers: Vec<String>,
    /// Not what is theirs.
    pub without_keys: Vec<i64>,
}

/// One delivery, as its row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its place among all deliveries.
    pub number: i64,
    /// Its name for receivers and callers.
    pub name: String,
    /// What is delivered.
    pub kind: DeliveryKind,
    /// Whose end is told, or whose images are uploaded.
    pub job: JobId,
    /// `queued`, `running`, `delivered` or `dead`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, while it waits.
    pub next_attempt_at: Option<Timestamp>,
    /// Why the latest attempt failed, if it did.
    pub last_error: Option<String>,
    /// When the job ended.
    pub created_at: Timestamp,
    /// When it was delivered or given up.
    pub finished_at: Option<Timestamp>,
}
