//! The port to webhooks and uploads to buckets.

use strum::IntoStaticStr;

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use super::jobs::WorkerId;
use crate::clock::Timestamp;
use crate::job::JobId;
use crate::key::KeyId;

/// Stores deliveries. The transaction that ends a job also adds its webhook and
/// the upload of its images.
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

    /// Requeues deliveries whose leases have expired by `now`, except for
    /// `in_flight`.
    async fn reclaim_expired(
        &self,
        kind: DeliveryKind,
        in_flight: &[i64],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Requeues what this worker, which has died, had claimed.
    async fn reclaim_worker(&self, worker: &WorkerId) -> Result<(), StoreError>;

    /// Lists the workers that have claimed running deliveries.
    async fn workers(&self) -> Result<Vec<WorkerId>, StoreError>;

    /// Stores the body that every attempt sends, unless there is one, and
    /// returns the stored one. `None` when the caller's claim has ended.
    async fn keep_body(
        &self,
        delivery: &Delivery,
        body: &str,
    ) -> Result<Option<String>, StoreError>;

    /// Ends a delivery: delivered without an error, else a dead letter.
    async fn finish(
        &self,
        delivery: &Delivery,
        error: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Requeues a delivery that failed, for another attempt at `run_at`.
    async fn postpone(
        &self,
        delivery: &Delivery,
        error: &str,
        run_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Requeues a delivery that was not attempted.
    async fn release(&self, delivery: &Delivery) -> Result<(), StoreError>;

    /// Lists the latest deliveries of `key` before this number.
    async fn list(
        &self,
        key: KeyId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, StoreError>;

    /// Finds the delivery with this name, if it belongs to `key`.
    async fn find(&self, key: KeyId, name: &str) -> Result<Option<DeliveryRecord>, StoreError>;

    /// Requeues the delivery with this name, if it belongs to `key` and has
    /// ended. Returns false when nothing has changed.
    async fn replay(&self, key: KeyId, name: &str, now: Timestamp) -> Result<bool, StoreError>;
}

/// What is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum DeliveryKind {
    /// A webhook that reports the end of a job.
    Webhook,
    /// An upload of a job's images to a bucket that could not be written
    /// before.
    Upload,
}

impl DeliveryKind {
    /// Returns its name in rows, logs, metrics and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A delivery that the caller has claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// What is delivered.
    pub kind: DeliveryKind,
    /// Its id for receivers, the same for every attempt.
    pub name: String,
    /// The job that is reported, or whose images are uploaded.
    pub job: JobId,
    /// The key of that job.
    pub key: KeyId,
    /// The receiver: a host, or the bucket of a key.
    pub receiver: String,
    /// The number of this attempt, from 1: the fence against earlier senders.
    pub attempt: u32,
    /// The number of this attempt since the last replay, from 1.
    pub attempt_since_asked: u32,
}

/// Which deliveries may be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// What is delivered.
    pub kind: DeliveryKind,
    /// Whether to claim first attempts only, or retries only.
    pub first: bool,
    /// Excludes these receivers.
    pub without_receivers: Vec<String>,
    /// Excludes these keys.
    pub without_keys: Vec<i64>,
}

/// One delivery as its row holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its number, by which deliveries are ordered.
    pub number: i64,
    /// Its name for receivers and callers.
    pub name: String,
    /// What is delivered.
    pub kind: DeliveryKind,
    /// The job that is reported, or whose images are uploaded.
    pub job: JobId,
    /// `queued`, `running`, `delivered` or `dead`.
    pub state: String,
    /// The number of attempts.
    pub attempts: u32,
    /// The time of the next attempt, while it is queued.
    pub next_attempt_at: Option<Timestamp>,
    /// Why the latest attempt failed, if it did.
    pub last_error: Option<String>,
    /// When the job ended.
    pub created_at: Timestamp,
    /// When it was delivered or became a dead letter.
    pub finished_at: Option<Timestamp>,
}
