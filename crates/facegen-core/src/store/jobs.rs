//! The port to jobs: the queue is the table of jobs itself.
//!
//! A claim is one statement that finds the next job and assigns it to a worker.
//! Every later write is fenced by the attempt that the claim began, so a worker
//! whose lease has expired changes nothing. Work is done at least once, its
//! result is published exactly once.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use super::health::Death;
use crate::idempotency::Idempotency;
use crate::job::{Failure, Job, JobId, Outcome};
use crate::key::KeyId;
use crate::redact::FaceImage;
use crate::{FaceSource, FilePrefix, GenerationRequest, Timestamp};

/// Stores jobs. Every method is one transaction.
///
/// # Errors
/// Each method fails when the store cannot be read or written, and has then
/// changed nothing.
#[async_trait]
pub trait JobStore: fmt::Debug + Send + Sync {
    /// Adds a job, with its photo, if the queue has room.
    async fn insert(
        &self,
        job: &NewJob,
        limits: QueueLimits,
    ) -> Result<Result<Job, QueueFull>, StoreError>;

    /// Does the same as [`JobStore::insert`], unless a request with this
    /// idempotency key made a job in the last 24 hours.
    async fn insert_once(
        &self,
        job: &NewJob,
        idempotency: &Idempotency,
        limits: QueueLimits,
    ) -> Result<Intake, StoreError>;

    /// Finds the job or conflict that [`JobStore::insert_once`] would find.
    async fn find_idempotent(
        &self,
        key: KeyId,
        idempotency: &Idempotency,
        now: Timestamp,
    ) -> Result<Option<Intake>, StoreError>;

    /// Claims the next job until `lease_until`, if it may run with the caller's
    /// other jobs in flight. Of the jobs of the highest priority the next is
    /// the oldest one of the least recently served key, so that no key waits
    /// for the whole queue of another. A worker that is a node of
    /// [`NodeRole::Worker`](super::NodeRole::Worker) gets no job of another
    /// preset.
    async fn claim(
        &self,
        scope: ClaimScope,
        worker: &WorkerId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Claim>, StoreError>;

    /// Renews the lease until `lease_until`. Like all methods that take a
    /// [`Fence`], returns false and changes nothing when the fence is out of
    /// date.
    async fn heartbeat(&self, fence: Fence, lease_until: Timestamp) -> Result<bool, StoreError>;

    /// Records that the engine gets the job: it becomes suspect if the process
    /// dies.
    async fn enter(&self, fence: Fence) -> Result<bool, StoreError>;

    /// Releases the job, to be the next one; that does not count as a crash.
    async fn release(&self, fence: Fence) -> Result<bool, StoreError>;

    /// Requeues the job after its engine failed for good or hung, and increases
    /// its crash count. Returns false when that has reached `max_attempts`, or
    /// the fence is out of date.
    async fn break_down(&self, fence: Fence, max_attempts: u32) -> Result<bool, StoreError>;

    /// Replaces the request, now that the size of the photo is known.
    async fn resolve_size(
        &self,
        fence: Fence,
        request: &GenerationRequest,
    ) -> Result<bool, StoreError>;

    /// Records the warnings about the photo.
    async fn warn(&self, fence: Fence, warnings: &[String]) -> Result<bool, StoreError>;

    /// Ends the job with the images of this attempt, and deletes its photo.
    async fn finish(&self, fence: Fence, success: &Success) -> Result<bool, StoreError>;

    /// Ends the job as failed, and deletes its photo.
    async fn fail(
        &self,
        fence: Fence,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Cancels the job if it belongs to `key` and has not ended, and deletes
    /// its photo. Returns false when nothing has changed.
    async fn cancel(
        &self,
        key: KeyId,
        id: JobId,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Cancels all queued jobs of one key or of all, deletes their photos, and
    /// returns the jobs.
    async fn clear(
        &self,
        key: Option<KeyId>,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Vec<Job>, StoreError>;

    /// Erases the personal data in the row of an ended job of `key`, and drops
    /// a queued upload. Returns false when there is no such job.
    async fn erase(&self, key: KeyId, id: JobId, now: Timestamp) -> Result<bool, StoreError>;

    /// Requeues the jobs of dead workers. A job fails once its crash count
    /// reaches `max_attempts`; a death of unknown cause counts half, and only
    /// for jobs that the engine had.
    async fn reclaim(
        &self,
        dead: &DeadWorkers,
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reclaimed, StoreError>;

    /// Lists the workers that have claimed running jobs.
    async fn workers(&self) -> Result<Vec<WorkerId>, StoreError>;

    /// Records that the images of this attempt are in a bucket now. Returns
    /// false when the job was erased meanwhile.
    async fn images_uploaded(
        &self,
        id: JobId,
        attempt: u32,
        link_base: &str,
    ) -> Result<bool, StoreError>;

    /// Finds the job with this id, if it belongs to `key`; of any key with
    /// `None`.
    async fn find(&self, key: Option<KeyId>, id: JobId) -> Result<Option<Job>, StoreError>;

    /// Lists the latest jobs of `key` before the one with this id.
    async fn page(
        &self,
        key: KeyId,
        before: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError>;

    /// Returns how many jobs come before this queued one.
    async fn position(&self, id: JobId) -> Result<u32, StoreError>;

    /// Finds the job whose files have this prefix.
    async fn find_by_prefix(&self, prefix: &FilePrefix) -> Result<Option<Job>, StoreError>;

    /// Returns the photo that came with the job, `None` once it has ended.
    async fn photo(&self, id: JobId) -> Result<Option<FaceImage>, StoreError>;

    /// Returns how many jobs are queued.
    async fn depth(&self) -> Result<u32, StoreError>;

    /// Returns the work before this job, queued and running.
    async fn load_before(&self, id: JobId) -> Result<Load, StoreError>;

    /// Returns the work before a job that comes in now, queued and running.
    async fn load(&self) -> Result<Load, StoreError>;

    /// Returns the costs of the latest successes, and how long the engine took
    /// for each, the latest first.
    async fn latest_times(&self, count: u32) -> Result<Vec<(u64, Duration)>, StoreError>;
}

/// A job before it is a row.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The key that it belongs to.
    pub key: KeyId,
    /// The request.
    pub request: GenerationRequest,
    /// Where the photo comes from.
    pub face: FaceSource,
    /// The prefix of the names of its images.
    pub file_prefix: FilePrefix,
    /// See [`Job::base_url`].
    pub base_url: String,
    /// The priority; higher ones come first.
    pub priority: i64,
    /// The preset whose workers may claim it; `None`: any node.
    pub preset: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// How many jobs may be queued at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Of all keys together.
    pub queue: u32,
    /// Of one key without a limit of its own; 0: as many as of all.
    pub share: u32,
}

/// The queue is full: so many jobs are queued, of all keys or of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull(pub u32);

/// The result of adding a request.
#[derive(Debug)]
pub enum Intake {
    /// A job was made.
    New(Job),
    /// The same request made this job before.
    Known(Job),
    /// Another request has this idempotency key.
    Conflict,
    /// The queue is full.
    Full(QueueFull),
}

/// The id of a worker: a process that claims jobs, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkerId(String);

impl WorkerId {
    /// Creates the id of a worker; no other may have the same name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One attempt at one job: the condition of every write of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence {
    /// The job.
    pub id: JobId,
    /// The number of the attempt.
    pub attempt: u32,
}

/// Which jobs a worker may claim, depending on what it has in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimScope {
    /// Any job: the worker has no other.
    Any,
    /// Any job with a crash count of 0: a suspect must not run with others.
    /// While a suspect is the next job, nothing behind it is claimed.
    Unsuspected,
    /// As [`ClaimScope::Unsuspected`], and only jobs whose photos came with
    /// them: the limit of concurrent fetches is reached.
    UnsuspectedInline,
}

/// A job that the caller has claimed.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The job, running.
    pub job: Job,
    /// The fence of this attempt.
    pub fence: Fence,
    /// The crash count of the job.
    pub crash_count: u32,
}

/// The result of a successful attempt.
#[derive(Debug, Clone)]
pub struct Success {
    /// When it succeeded.
    pub now: Timestamp,
    /// Where the images were stored.
    pub location: ImageLocation,
    /// See [`Job::warnings`].
    pub warnings: Vec<String>,
    /// See [`Job::outcome`].
    pub outcome: Outcome,
}

/// Where the images of a job are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageLocation {
    /// In the directory of the server.
    Directory {
        /// When they expire.
        expires_at: Timestamp,
        /// Whether they have to be uploaded to a bucket.
        upload: bool,
    },
    /// In a bucket.
    Bucket {
        /// See [`Job::link_base`].
        link_base: String,
    },
}

/// Which workers are considered dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadWorkers {
    /// This worker, and how its process ended.
    Worker {
        /// The worker.
        id: WorkerId,
        /// How its process ended.
        death: Death,
    },
    /// Those whose lease has expired. Their processes are alive but could not
    /// write for a while, which is not the fault of the jobs.
    Expired,
}

/// The result of reclaiming jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Jobs that are queued again.
    pub requeued: Vec<JobId>,
    /// Jobs that have failed.
    pub failed: Vec<JobId>,
}

/// Work that is not done yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// The [`cost`] of all queued jobs that come before.
    pub waiting: u64,
    /// The running jobs, with their whole costs.
    pub running: Vec<(JobId, u64)>,
}

/// Returns the cost of a request: steps × samples × pixels.
#[must_use]
pub fn cost(request: &GenerationRequest) -> u64 {
    let pixels = u64::from(request.spec.width()) * u64::from(request.spec.height());
    (request.spec.steps() as u64) * (request.spec.samples() as u64) * pixels
}
