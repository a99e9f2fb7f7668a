//! The queue, which is the table of jobs itself.
//!
//! A claim is one statement that finds the next job and makes it a worker's,
//! and every later write is compared with the attempt that the claim began:
//! whoever was given up for dead changes nothing any more. Work is done at
//! least once, its result is published exactly once.
//!
//! | chapter | holds |
//! |---|---|
//! | `sqlite` | [`SqliteQueue`] |
//! | `statements` | its statements |
//! | `tests::conformance` | what every queue does |

pub(crate) mod sqlite;
mod statements;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use facegen_core::redact::FaceImage;
use facegen_core::{FaceSource, FilePrefix, GenerationRequest, SafetyVerdict, Timestamp};

use crate::idempotency::Idempotency;
use crate::job::{Failure, Job, JobId, Stages};
use crate::key::KeyId;
use crate::store::{Death, StoreError};

pub(crate) use sqlite::SqliteQueue;

/// Holds jobs until they have ended. Every method is one transaction.
///
/// # Errors
/// Each method fails when the store cannot be read or written, and has then
/// changed nothing.
#[async_trait]
pub(crate) trait JobQueue: fmt::Debug + Send + Sync {
    /// Adds a job, with its photograph, if fewer wait than may.
    async fn insert(
        &self,
        job: &NewJob,
        limits: QueueLimits,
    ) -> Result<Result<Job, Full>, StoreError>;

    /// As [`JobQueue::insert`], unless the request of this name made a job in
    /// the last 24 hours.
    async fn insert_once(
        &self,
        job: &NewJob,
        once: &Idempotency,
        limits: QueueLimits,
    ) -> Result<Intake, StoreError>;

    /// What [`JobQueue::insert_once`] would find; `None`: nothing.
    async fn known(
        &self,
        key: KeyId,
        once: &Idempotency,
        now: Timestamp,
    ) -> Result<Option<Intake>, StoreError>;

    /// Makes the next job the caller's until `lease_until`, if the caller may
    /// have it together with what it has in hand. Of the jobs of the highest
    /// priority the next is the oldest one of the key whose turn is the longest
    /// ago, so that no key waits for the whole line of another.
    async fn claim(
        &self,
        hands: Hands,
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

    /// The job asks for this, now that its photograph is known.
    async fn fit(&self, fence: Fence, request: &GenerationRequest) -> Result<bool, StoreError>;

    /// The job's photograph was read with these warnings, whatever becomes of
    /// the job.
    async fn warn(&self, fence: Fence, warnings: &[String]) -> Result<bool, StoreError>;

    /// The pictures of this attempt are the job's, and its photograph goes.
    async fn finish(&self, fence: Fence, success: &Success) -> Result<bool, StoreError>;

    /// The job has failed, and its photograph goes.
    async fn fail(
        &self,
        fence: Fence,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Ends the job, which must be `key`'s, if it has not ended yet; its
    /// photograph goes. False when nothing has changed.
    async fn cancel(
        &self,
        key: KeyId,
        id: JobId,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Ends all jobs that wait, those of one key or of all; their photographs
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
        from: Workers,
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reclaimed, StoreError>;

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

    /// The photograph that came with the job, `None` once it has ended.
    async fn photograph(&self, id: JobId) -> Result<Option<FaceImage>, StoreError>;

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
pub(crate) struct NewJob {
    /// Whose it will be.
    pub(crate) key: KeyId,
    /// What is asked for.
    pub(crate) request: GenerationRequest,
    /// Where the photograph comes from.
    pub(crate) face: FaceSource,
    /// What the names of its pictures begin with.
    pub(crate) file_prefix: FilePrefix,
    /// See [`Job::base_url`].
    pub(crate) base_url: String,
    /// Jobs with a higher one come first.
    pub(crate) priority: i64,
    /// When it was accepted.
    pub(crate) created_at: Timestamp,
}

/// How many jobs may wait at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    /// Of all keys together.
    pub(crate) queue: u32,
    /// Of one key of which nothing else is said; 0: as many as of all.
    pub(crate) share: u32,
}

/// So many jobs wait already, of all keys or of this one, and no more may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full(pub(crate) u32);

/// What came of a request that is to be taken in.
#[derive(Debug)]
pub(crate) enum Intake {
    /// A job was made.
    New(Job),
    /// The same request made this job before.
    Known(Job),
    /// Another request has this name.
    Taken,
    /// As many jobs wait as may.
    Full(Full),
}

/// One attempt at one job: what every write of a worker is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fence {
    /// Which job.
    pub(crate) id: JobId,
    /// Which attempt at it.
    pub(crate) attempt: u32,
}

/// What a worker that claims has in hand already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hands {
    /// Nothing: it may have any job.
    Empty,
    /// A job. One over which a worker died must not be beside it, because it
    /// may kill the next worker too; until that one's turn is over, nothing
    /// behind it is claimed.
    Busy,
    /// Jobs of which as many as may wait for their photographs: it may have
    /// what it may have beside others, if the photograph came with it.
    Fetching,
}

/// A job that is the caller's.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// The job, running.
    pub(crate) job: Job,
    /// Names this attempt.
    pub(crate) fence: Fence,
    /// How many workers have died while the engine had this job.
    pub(crate) breakdowns: u32,
}

/// How an attempt succeeded.
#[derive(Debug, Clone)]
pub(crate) struct Success {
    /// When.
    pub(crate) now: Timestamp,
    /// How long ago the engine began with the job.
    pub(crate) took: Duration,
    /// Where the pictures are.
    pub(crate) place: Place,
    /// See [`Job::warnings`].
    pub(crate) warnings: Vec<String>,
    /// See [`Job::stages`].
    pub(crate) stages: Stages,
    /// See [`Job::verdicts`].
    pub(crate) verdicts: Vec<SafetyVerdict>,
}

/// Where the pictures of a job are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the folder of the server.
    Folder {
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

/// Workers that are given up for dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workers {
    /// All there were, because this process is the only one and has just begun;
    /// and how the one before it ended.
    All(Death),
    /// Those whose lease has run out. Their process lives on, but could not
    /// write for a while: that is no fault of the jobs.
    Lapsed,
}

/// What came of taking jobs back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reclaimed {
    /// They wait again.
    pub(crate) requeued: Vec<JobId>,
    /// They have failed.
    pub(crate) failed: Vec<JobId>,
}

/// Work that is not done yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// The [`cost`] of all jobs that wait and come before.
    pub(crate) waiting: u64,
    /// The jobs that run, with their whole costs.
    pub(crate) running: Vec<(JobId, u64)>,
}

/// How much work a request is: steps × samples × pixels.
#[must_use]
pub(crate) fn cost(request: &GenerationRequest) -> u64 {
    let pixels = u64::from(request.width()) * u64::from(request.height());
    (request.steps() as u64) * (request.samples() as u64) * pixels
}
