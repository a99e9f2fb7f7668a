//! The jobs in SQLite.

mod erase;
mod intake;
mod load;
mod reclaim;
pub(crate) mod statements;
#[cfg(test)]
pub(crate) mod tests;
mod values;

use std::time::Duration;

use async_trait::async_trait;
use facegen_core::idempotency::Idempotency;
use facegen_core::job::{Failure, Job, JobId};
use facegen_core::key::KeyId;
use facegen_core::redact::FaceImage;
use facegen_core::store::{
    Claim, ClaimScope, DeadWorkers, Fence, Intake, JobStore, Load, NewJob, QueueFull, QueueLimits,
    Reclaimed, StoreError, Success, WorkerId, cost,
};
use facegen_core::{FilePrefix, GenerationRequest, JobState, Timestamp};

use self::statements::{
    BACKLOG, BEFORE, BREAK_DOWN, CANCEL, CLAIM, CLEAR, ENTER, FAIL, FIT, HEARTBEAT, POSITION,
    RELEASE, TIMES, WARN,
};
use self::values::{ending, finishing};
use super::database::Database;
use crate::rows::{self, amount, claim, failed, json, number};

/// The jobs of one database.
#[derive(Debug, Clone)]
pub(crate) struct SqliteJobs {
    store: Database,
}

impl SqliteJobs {
    /// Creates the job store of this database.
    #[must_use]
    pub(crate) fn new(store: Database) -> Self {
        Self { store }
    }
}

#[async_trait]
impl JobStore for SqliteJobs {
    async fn insert(
        &self,
        job: &NewJob,
        limits: QueueLimits,
    ) -> Result<Result<Job, QueueFull>, StoreError> {
        let mut transaction = self.store.writer.begin().await?;
        let inserted = intake::insert(&mut transaction, job, limits).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(inserted)
    }

    async fn insert_once(
        &self,
        job: &NewJob,
        idempotency: &Idempotency,
        limits: QueueLimits,
    ) -> Result<Intake, StoreError> {
        let mut transaction = self.store.writer.begin().await?;
        if let Some(known) =
            intake::find_idempotent(&mut transaction, job.key, idempotency, job.created_at).await?
        {
            return Ok(known);
        }
        let inserted = match intake::insert(&mut transaction, job, limits).await? {
            Ok(inserted) => inserted,
            Err(full) => return Ok(Intake::Full(full)),
        };
        intake::remember(&mut transaction, idempotency, &inserted, job.created_at).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(Intake::New(inserted))
    }

    async fn find_idempotent(
        &self,
        key: KeyId,
        idempotency: &Idempotency,
        now: Timestamp,
    ) -> Result<Option<Intake>, StoreError> {
        let mut reader = self.store.readers.acquire().await.map_err(failed)?;
        intake::find_idempotent(&mut reader, key, idempotency, now).await
    }

    async fn claim(
        &self,
        scope: ClaimScope,
        worker: &WorkerId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Claim>, StoreError> {
        let claimed = sqlx::query(CLAIM)
            .bind(now.as_millis())
            .bind(lease_until.as_millis())
            .bind(worker.as_str())
            .bind(scope != ClaimScope::UnsuspectedInline)
            .bind(scope == ClaimScope::Any)
            .fetch_optional(&self.store.writer)
            .await
            .map_err(failed)?;
        claimed.as_ref().map(claim).transpose()
    }

    async fn heartbeat(&self, fence: Fence, lease_until: Timestamp) -> Result<bool, StoreError> {
        let change = sqlx::query(HEARTBEAT)
            .bind(lease_until.as_millis())
            .bind(fence.id.get())
            .bind(fence.attempt);
        self.store.changes(change).await
    }

    async fn release(&self, fence: Fence) -> Result<bool, StoreError> {
        let change = sqlx::query(RELEASE)
            .bind(fence.id.get())
            .bind(fence.attempt);
        self.store.changes(change).await
    }

    async fn enter(&self, fence: Fence) -> Result<bool, StoreError> {
        let change = sqlx::query(ENTER).bind(fence.id.get()).bind(fence.attempt);
        self.store.changes(change).await
    }

    async fn resolve_size(
        &self,
        fence: Fence,
        request: &GenerationRequest,
    ) -> Result<bool, StoreError> {
        let change = sqlx::query(FIT)
            .bind(json("request", request)?)
            .bind(number(cost(request)))
            .bind(fence.id.get())
            .bind(fence.attempt);
        self.store.changes(change).await
    }

    async fn warn(&self, fence: Fence, warnings: &[String]) -> Result<bool, StoreError> {
        let change = sqlx::query(WARN)
            .bind(json("warnings", &warnings)?)
            .bind(fence.id.get())
            .bind(fence.attempt);
        self.store.changes(change).await
    }

    async fn break_down(&self, fence: Fence, max_attempts: u32) -> Result<bool, StoreError> {
        let change = sqlx::query(BREAK_DOWN)
            .bind(fence.id.get())
            .bind(fence.attempt)
            .bind(max_attempts);
        self.store.changes(change).await
    }

    async fn finish(&self, fence: Fence, success: &Success) -> Result<bool, StoreError> {
        self.store.changes(finishing(fence, success)?).await
    }

    async fn fail(
        &self,
        fence: Fence,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = ending(FAIL, JobState::Failed, failure, now)
            .bind(fence.id.get())
            .bind(fence.attempt);
        self.store.changes(change).await
    }

    async fn cancel(
        &self,
        key: KeyId,
        id: JobId,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = ending(CANCEL, JobState::Cancelled, failure, now)
            .bind(id.get())
            .bind(key.get());
        self.store.changes(change).await
    }

    async fn clear(
        &self,
        key: Option<KeyId>,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Vec<Job>, StoreError> {
        let cleared = ending(CLEAR, JobState::Cancelled, failure, now)
            .bind(key.map(KeyId::get))
            .fetch_all(&self.store.writer)
            .await
            .map_err(failed)?;
        cleared.iter().map(rows::job).collect()
    }

    async fn erase(&self, key: KeyId, id: JobId, now: Timestamp) -> Result<bool, StoreError> {
        erase::erase(&self.store, key, id, now).await
    }

    async fn page(
        &self,
        key: KeyId,
        before: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM generations WHERE key_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
        )
        .bind(key.get())
        .bind(before.map_or(i64::MAX, |id| i64::from(id.get())))
        .bind(limit)
        .fetch_all(&self.store.readers)
        .await
        .map_err(failed)?;
        rows.iter().map(rows::job).collect()
    }

    async fn position(&self, id: JobId) -> Result<u32, StoreError> {
        let position = sqlx::query_scalar(POSITION)
            .bind(id.get())
            .fetch_one(&self.store.readers)
            .await
            .map_err(failed)?;
        Ok(position)
    }

    async fn workers(&self) -> Result<Vec<WorkerId>, StoreError> {
        let names = sqlx::query_scalar(
            "SELECT DISTINCT claimed_by FROM generations WHERE state = 'running' ORDER BY 1",
        );
        let names: Vec<String> = names.fetch_all(&self.store.readers).await.map_err(failed)?;
        Ok(names.into_iter().map(WorkerId::new).collect())
    }

    async fn images_uploaded(
        &self,
        id: JobId,
        attempt: u32,
        link_base: &str,
    ) -> Result<bool, StoreError> {
        let change = sqlx::query(
            "UPDATE generations SET link_base = ?
             WHERE id = ? AND state = 'succeeded' AND attempt = ? AND erased_at IS NULL",
        )
        .bind(link_base)
        .bind(id.get())
        .bind(attempt);
        self.store.changes(change).await
    }

    async fn reclaim(
        &self,
        dead: &DeadWorkers,
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reclaimed, StoreError> {
        reclaim::reclaim(&self.store, dead, max_attempts, now).await
    }

    async fn find(&self, key: Option<KeyId>, id: JobId) -> Result<Option<Job>, StoreError> {
        let found =
            sqlx::query("SELECT * FROM generations WHERE id = ? AND key_id = coalesce(?, key_id)")
                .bind(id.get())
                .bind(key.map(KeyId::get))
                .fetch_optional(&self.store.readers)
                .await
                .map_err(failed)?;
        found.as_ref().map(rows::job).transpose()
    }

    async fn find_by_prefix(&self, prefix: &FilePrefix) -> Result<Option<Job>, StoreError> {
        let found = sqlx::query("SELECT * FROM generations WHERE file_prefix = ?")
            .bind(prefix.expose())
            .fetch_optional(&self.store.readers)
            .await
            .map_err(failed)?;
        found.as_ref().map(rows::job).transpose()
    }

    async fn photo(&self, id: JobId) -> Result<Option<FaceImage>, StoreError> {
        let image: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT image FROM inputs WHERE generation_id = ?")
                .bind(id.get())
                .fetch_optional(&self.store.readers)
                .await
                .map_err(failed)?;
        Ok(image.map(FaceImage::from))
    }

    async fn depth(&self) -> Result<u32, StoreError> {
        let depth = sqlx::query_scalar("SELECT count(*) FROM generations WHERE state = 'queued'")
            .fetch_one(&self.store.readers)
            .await
            .map_err(failed)?;
        Ok(depth)
    }

    async fn load_before(&self, job: JobId) -> Result<Load, StoreError> {
        let waiting = sqlx::query_scalar(BEFORE).bind(job.get());
        let waiting = waiting
            .fetch_one(&self.store.readers)
            .await
            .map_err(failed)?;
        load::behind(waiting, &self.store).await
    }

    async fn load(&self) -> Result<Load, StoreError> {
        let waiting = sqlx::query_scalar(BACKLOG);
        let waiting = waiting
            .fetch_one(&self.store.readers)
            .await
            .map_err(failed)?;
        load::behind(waiting, &self.store).await
    }

    async fn latest_times(&self, count: u32) -> Result<Vec<(u64, Duration)>, StoreError> {
        let times: Vec<(i64, i64)> = sqlx::query_as(TIMES)
            .bind(count)
            .fetch_all(&self.store.readers)
            .await
            .map_err(failed)?;
        let times = times.into_iter();
        Ok(times
            .map(|(cost, time)| (amount(cost), rows::millis(time)))
            .collect())
    }
}
