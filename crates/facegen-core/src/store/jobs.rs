//! The port to jobs: the queue is the table of jobs itself.
//!
//! A claim is one statement that finds the next job and makes it a worker's,
//! and every later write is compared with the attempt that the claim began:
//! whoever was given up for dead changes nothing any more. Work is done at
//! least once, its result is published exactly once.

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

/// Holds jobs until they have ended. Every method is one transaction.
///
/// # Errors
/// Each method fails when the store cannot be read or written, and has then
/// changed nothing.
#[async_trait]
pub trait JobStore: fmt::Debug + Send + Sync {
    /// Adds a job, with its photo, if fewer wait than may.
    async fn insert(
        &self,
        job: &NewJob,
        limits: QueueLimits,
    ) -> Result<Result<Job, QueueFull>, StoreError>;

    /// As [`JobStore::insert`], unless the request of this name made a job in
    /// the last 24 hours.
    async fn insert_once(
        &self,
        job: &NewJob,
        idempotency: &Idempotency,
        limits: QueueLimits,
    ) -> Result<Intake, StoreError>;

    /// What [`JobStore::insert_once`] would find; `None`: nothing.
    async fn find_idempotent(
        &self,
        key: KeyId,
        idempotency: &Idempotency,
        now: Timestamp,
    ) -> Result<Option<Intake>, StoreError>;

    /// Makes the next job the caller's until `lease_until`, if the caller may
    /// have it together with what it has in hand. Of the jobs of the highest
    /// priority the next is the oldest one of the key whose turn is the longest
    /// ago, so that no key waits for the whole line of another.
    async fn claim(
        &self,
        scope: ClaimScope,
        worker: &WorkerId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Claim>, StoreError>;

    /// Keeps the job the caller's until `lease_until`. Like for all methods
    /// that take a [`Fence`]: false when the job is not the caller's any more,
    /// and nothing has changed.
    async fn heartbeat(&self, fence: Fence, lease_until: Timestamp) -> Result<bool, StoreError>;

    /// The engine gets the job: from here on it is suspect should the process
    /// die.
    async fn enter(&self, fence: Fence) -> Result<bool, StoreError>;

    /// Gives the job back unharmed, to be the next one.
    async fn release(&self, fence: Fence) -> Result<bool, StoreError>;

    /// Gives the job back after its engine broke for good or hung over it. That
    /// counts against it; false when it has happened too often, or the job is not
    /// this attempt's any more.
    async fn break_down(&self, fence: Fence, max_attempts: u32) -> Result<bool, StoreError>;

    /// The job asks for this, now that its photo is known.
    async fn resolve_size(
        &self,
        fence: Fence,
        request: &GenerationRequest,
    ) -> Result<bool, StoreError>;

    /// The job's photo was read with these warnings, whatever becomes of
    /// the job.
    async fn warn(&self, fence: Fence, warnings: &[String]) -> Result<bool, StoreError>;

    /// The images of this attempt are the job's, and its photo goes.
    async fn finish(&self, fence: Fence, success: &Success) -> Result<bool, StoreError>;

    /// The job has failed, and its photo goes.
    async fn fail(
        &self,
        fence: Fence,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Ends the job, which must be `key`'s, if it has not ended yet; its
    /// photo goes. False when nothing has changed.
    async fn cancel(
        &self,
        key: KeyId,
        id: JobId,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Ends all jobs that wait, those of one key or of all; their photos
    /// go. Gives back what they have become.
    async fn clear(
        &self,
        key: Option<KeyId>,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Vec<Job>, StoreError>;

    /// Takes out of the row of an ended job of `key` what it holds of a person,
    /// and drops an upload that waits. False when there is no such job.
    async fn erase(&self, key: KeyId, id: JobId, now: Timestamp) -> Result<bool, StoreError>;

    /// Takes jobs back from workers that died. A job that took its worker down
    /// `max_attempts` times has failed; a death of which nothing is known weighs
    /// half, and only on jobs that the engine had.
    async fn reclaim(
        &self,
        dead: &DeadWorkers,
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reclaimed, StoreError>;

    /// Lists the workers that have claimed what is running.
    async fn workers(&self) -> Result<Vec<WorkerId>, StoreError>;

    /// Records that the images which this attempt stored are in a bucket now.
    /// False when the job was erased meanwhile.
    async fn images_uploaded(
        &self,
        id: JobId,
        attempt: u32,
        link_base: &str,
    ) -> Result<bool, StoreError>;

    /// The job with this id, if it is `key`'s; whosoever it is with `None`.
    async fn find(&self, key: Option<KeyId>, id: JobId) -> Result<Option<Job>, StoreError>;

    /// The latest jobs of `key`, those before the one of this id.
    async fn page(
        &self,
        key: KeyId,
        before: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError>;

    /// How many jobs come before this one that waits.
    async fn position(&self, id: JobId) -> Result<u32, StoreError>;

    /// The job whose files begin with this.
    async fn find_by_prefix(&self, prefix: &FilePrefix) -> Result<Option<Job>, StoreError>;

    /// The photo that came with the job, `None` once it has ended.
    async fn photo(&self, id: JobId) -> Result<Option<FaceImage>, StoreError>;

    /// How many jobs wait.
    async fn depth(&self) -> Result<u32, StoreError>;

    /// What has to be done before this job, and what is being done.
    async fn load_before(&self, id: JobId) -> Result<Load, StoreError>;

    /// What has to be done before a job that comes in now, and what is being
    /// done.
    async fn load(&self) -> Result<Load, StoreError>;

    /// The costs of the latest successes, and how long the engine was at each
    /// of them, the latest first.
    async fn latest_times(&self, count: u32) -> Result<Vec<(u64, Duration)>, StoreError>;
}

/// A job before it is a row.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Whose it will be.
    pub key: KeyId,
    /// What is asked for.
    pub request: GenerationRequest,
    /// Where the photo comes from.
    pub face: FaceSource,
    /// What the names of its images begin with.
    pub file_prefix: FilePrefix,
    /// See [`Job::base_url`].
    pub base_url: String,
    /// Jobs with a higher one come first.
    pub priority: i64,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// How many jobs may wait at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Of all keys together.
    pub queue: u32,
    /// Of one key of which nothing else is said; 0: as many as of all.
    pub share: u32,
}

/// So many jobs wait already, of all keys or of this one, and no more may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull(pub u32);

/// What came of a request that is to be taken in.
#[derive(Debug)]
pub enum Intake {
    /// A job was made.
    New(Job),
    /// The same request made this job before.
    Known(Job),
    /// Another request has this name.
    Conflict,
    /// As many jobs wait as may.
    Full(QueueFull),
}

/// Names a worker: a process that claims jobs, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkerId(String);

impl WorkerId {
    /// The worker of this name, which no other has.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One attempt at one job: what every write of a worker is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence {
    /// Which job.
    pub id: JobId,
    /// Which attempt at it.
    pub attempt: u32,
}

/// Which jobs a worker may claim, by what it has in flight already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimScope {
    /// Any job: the worker has no other.
    Any,
    /// Any job over which no worker has died: one that may kill the next worker
    /// must not run with others. While such a job is the next one, nothing
    /// behind it is claimed.
    Unsuspected,
    /// As [`ClaimScope::Unsuspected`], and only jobs whose photos came with
    /// them: as many as may are being fetched already.
    UnsuspectedInline,
}

/// A job that is the caller's.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The job, running.
    pub job: Job,
    /// Names this attempt.
    pub fence: Fence,
    /// How many workers have died while the engine had this job.
    pub crash_count: u32,
}

/// How an attempt succeeded.
#[derive(Debug, Clone)]
pub struct Success {
    /// When.
    pub now: Timestamp,
    /// Where the images are.
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
        /// When they go from there.
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

/// DeadWorkers that are given up for dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadWorkers {
    /// This worker, and how its process ended.
    Worker {
        /// Which one.
        id: WorkerId,
        /// How its process ended.
        death: Death,
    },
    /// Those whose lease has run out. Their processes live on, but could not
    /// write for a while: that is no fault of the jobs.
    Expired,
}

/// What came of taking jobs back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// They wait again.
    pub requeued: Vec<JobId>,
    /// They have failed.
    pub failed: Vec<JobId>,
}

/// Work that is not done yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// The [`cost`] of all jobs that wait and come before.
    pub waiting: u64,
    /// The jobs that run, with their whole costs.
    pub running: Vec<(JobId, u64)>,
}

/// How much work a request is: steps × samples × pixels.
#[must_use]
pub fn cost(request: &GenerationRequest) -> u64 {
    let pixels = u64::from(request.spec.width()) * u64::from(request.spec.height());
    (request.spec.steps() as u64) * (request.spec.samples() as u64) * pixels
}
