//! The queue in SQLite.
//!
//! | chapter | holds |
//! |---|---|
//! | `intake` | how a job gets in |
//! | `load` | what is to be done |
//! | `columns` | values as rows hold them |

mod columns;
mod intake;
mod load;

use std::time::Duration;

use async_trait::async_trait;
use facegen_core::redact::FaceImage;
use facegen_core::{ErrorCode, FilePrefix, GenerationRequest, JobState, Timestamp};

use self::columns::{amount, claim, id, json, number};

use super::statements::{
    BACKLOG, BEFORE, BURY, CANCEL, CLAIM, CLEAR, ENTER, ERASE, FAIL, FINISH, FIT, HEARTBEAT, HELD,
    POSITION, RECLAIM, RELEASE, TIMES, WARN,
};
use super::{
    Claim, Fence, Full, Hands, Intake, JobQueue, Load, NewJob, Place, QueueLimits, Reclaimed,
    Success, Workers, cost,
};
use crate::idempotency::Idempotency;
use crate::job::{Failure, Job, JobId, millis};
use crate::key::KeyId;
use crate::store::{Death, Store, StoreError, row};

/// The queue in SQLite.
#[derive(Debug, Clone)]
pub(crate) struct SqliteQueue {
    store: Store,
}

impl SqliteQueue {
    /// The queue in this database.
    #[must_use]
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

#[async_trait]
impl JobQueue for SqliteQueue {
    async fn insert(
        &self,
        job: &NewJob,
        limits: QueueLimits,
    ) -> Result<Result<Job, Full>, StoreError> {
        let mut transaction = self.store.writer.begin().await?;
        let inserted = intake::insert(&mut transaction, job, limits).await?;
        transaction.commit().await?;
        Ok(inserted)
    }

    async fn insert_once(
        &self,
        job: &NewJob,
        once: &Idempotency,
        limits: QueueLimits,
    ) -> Result<Intake, StoreError> {
        let mut transaction = self.store.writer.begin().await?;
        if let Some(known) = intake::known(&mut transaction, job.key, once, job.created_at).await? {
            return Ok(known);
        }
        let inserted = match intake::insert(&mut transaction, job, limits).await? {
            Ok(inserted) => inserted,
            Err(full) => return Ok(Intake::Full(full)),
        };
        intake::remember(&mut transaction, once, &inserted, job.created_at).await?;
        transaction.commit().await?;
        Ok(Intake::New(inserted))
    }

    async fn known(
        &self,
        key: KeyId,
        once: &Idempotency,
        now: Timestamp,
    ) -> Result<Option<Intake>, StoreError> {
        let mut reader = self.store.readers.acquire().await?;
        intake::known(&mut reader, key, once, now).await
    }

    async fn claim(
        &self,
        hands: Hands,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Claim>, StoreError> {
        let claimed = sqlx::query(CLAIM)
            .bind(now.as_millis())
            .bind(lease_until.as_millis())
            .bind(hands != Hands::Fetching)
            .bind(hands == Hands::Empty)
            .fetch_optional(&self.store.writer)
            .await?;
        claimed.as_ref().map(claim).transpose()
    }

    async fn heartbeat(&self, fence: Fence, lease_until: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(HEARTBEAT)
            .bind(lease_until.as_millis())
            .bind(fence.id.get())
            .bind(fence.attempt)
            .execute(&self.store.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn release(&self, fence: Fence) -> Result<bool, StoreError> {
        let done = sqlx::query(RELEASE)
            .bind(fence.id.get())
            .bind(fence.attempt)
            .execute(&self.store.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn enter(&self, fence: Fence) -> Result<bool, StoreError> {
        let done = sqlx::query(ENTER)
            .bind(fence.id.get())
            .bind(fence.attempt)
            .execute(&self.store.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn fit(&self, fence: Fence, request: &GenerationRequest) -> Result<bool, StoreError> {
        let done = sqlx::query(FIT)
            .bind(json("request", request)?)
            .bind(number(cost(request)))
            .bind(fence.id.get())
            .bind(fence.attempt)
            .execute(&self.store.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn warn(&self, fence: Fence, warnings: &[String]) -> Result<bool, StoreError> {
        let done = sqlx::query(WARN)
            .bind(json("warnings", &warnings)?)
            .bind(fence.id.get())
            .bind(fence.attempt)
            .execute(&self.store.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn finish(&self, fence: Fence, success: &Success) -> Result<bool, StoreError> {
        let (expires_at, upload, link_base) = match &success.place {
            Place::Folder { expires_at, upload } => (Some(expires_at.as_millis()), *upload, None),
            Place::Bucket { link_base } => (None, false, Some(link_base)),
        };
        let done = sqlx::query(FINISH)
            .bind(JobState::Succeeded.as_str())
            .bind(success.now.as_millis())
            .bind(number(millis(success.took)))
            .bind(expires_at)
            .bind(upload)
            .bind(link_base)
            .bind(json("warnings", &success.warnings)?)
            .bind(json("stages", &success.stages)?)
            .bind(json("verdicts", &success.verdicts)?)
            .bind(fence.id.get())
            .bind(fence.attempt)
            .execute(&self.store.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn fail(
        &self,
        fence: Fence,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(FAIL)
            .bind(JobState::Failed.as_str())
            .bind(now.as_millis())
            .bind(failure.code.as_str())
            .bind(&failure.message)
            .bind(fence.id.get())
            .bind(fence.attempt)
            .execute(&self.store.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn cancel(
        &self,
        key: KeyId,
        id: JobId,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(CANCEL)
            .bind(JobState::Cancelled.as_str())
            .bind(now.as_millis())
            .bind(failure.code.as_str())
            .bind(&failure.message)
            .bind(id.get())
            .bind(key.get())
            .execute(&self.store.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn clear(
        &self,
        key: Option<KeyId>,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Vec<Job>, StoreError> {
        let cleared = sqlx::query(CLEAR)
            .bind(JobState::Cancelled.as_str())
            .bind(now.as_millis())
            .bind(failure.code.as_str())
            .bind(&failure.message)
            .bind(key.map(KeyId::get))
            .fetch_all(&self.store.writer)
            .await?;
        cleared.iter().map(row::job).collect()
    }

    async fn erase(&self, key: KeyId, id: JobId, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.store.writer.begin().await?;
        let done = sqlx::query(ERASE)
            .bind(now.as_millis())
            .bind(now.as_millis())
            .bind(id.get())
            .bind(key.get())
            .execute(&mut *transaction)
            .await?;
        let erased = done.rows_affected() == 1;
        if erased {
            sqlx::query(
                "DELETE FROM deliveries
                 WHERE generation_id = ? AND kind = 'upload' AND state = 'queued'",
            )
            .bind(id.get())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(erased)
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
        .await?;
        rows.iter().map(row::job).collect()
    }

    async fn position(&self, id: JobId) -> Result<u32, StoreError> {
        let position = sqlx::query_scalar(POSITION)
            .bind(id.get())
            .fetch_one(&self.store.readers)
            .await?;
        Ok(position)
    }

    async fn reclaim(
        &self,
        from: Workers,
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reclaimed, StoreError> {
        let mut transaction = self.store.writer.begin().await?;
        let held: bool = sqlx::query_scalar(HELD)
            .fetch_one(&mut *transaction)
            .await?;
        let of_dead = |statement| {
            sqlx::query(statement)
                .bind(now.as_millis())
                .bind(from != Workers::Lapsed)
                .bind(from == Workers::All(Death::FromInside))
                .bind(from == Workers::All(Death::Unknown))
                .bind(!held)
        };
        let requeued = of_dead(RECLAIM)
            .bind(max_attempts)
            .fetch_all(&mut *transaction)
            .await?;
        let failed = of_dead(BURY)
            .bind(ErrorCode::Internal.as_str())
            .fetch_all(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Reclaimed {
            requeued: requeued.iter().map(id).collect::<Result<_, _>>()?,
            failed: failed.iter().map(id).collect::<Result<_, _>>()?,
        })
    }

    async fn find(&self, key: Option<KeyId>, id: JobId) -> Result<Option<Job>, StoreError> {
        let found =
            sqlx::query("SELECT * FROM generations WHERE id = ? AND key_id = coalesce(?, key_id)")
                .bind(id.get())
                .bind(key.map(KeyId::get))
                .fetch_optional(&self.store.readers)
                .await?;
        found.as_ref().map(row::job).transpose()
    }

    async fn find_by_prefix(&self, prefix: &FilePrefix) -> Result<Option<Job>, StoreError> {
        let found = sqlx::query("SELECT * FROM generations WHERE file_prefix = ?")
            .bind(prefix.expose())
            .fetch_optional(&self.store.readers)
            .await?;
        found.as_ref().map(row::job).transpose()
    }

    async fn photograph(&self, id: JobId) -> Result<Option<FaceImage>, StoreError> {
        let image: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT image FROM inputs WHERE generation_id = ?")
                .bind(id.get())
                .fetch_optional(&self.store.readers)
                .await?;
        Ok(image.map(FaceImage::from))
    }

    async fn depth(&self) -> Result<u32, StoreError> {
        let depth = sqlx::query_scalar("SELECT count(*) FROM generations WHERE state = 'queued'")
            .fetch_one(&self.store.readers)
            .await?;
        Ok(depth)
    }

    async fn load_before(&self, job: JobId) -> Result<Load, StoreError> {
        let waiting = sqlx::query_scalar(BEFORE).bind(job.get());
        let waiting = waiting.fetch_one(&self.store.readers).await?;
        load::behind(waiting, &self.store).await
    }

    async fn load(&self) -> Result<Load, StoreError> {
        let waiting = sqlx::query_scalar(BACKLOG);
        let waiting = waiting.fetch_one(&self.store.readers).await?;
        load::behind(waiting, &self.store).await
    }

    async fn latest_times(&self, count: u32) -> Result<Vec<(u64, Duration)>, StoreError> {
        let times: Vec<(i64, i64)> = sqlx::query_as(TIMES)
            .bind(count)
            .fetch_all(&self.store.readers)
            .await?;
        let times = times.into_iter();
        Ok(times
            .map(|(cost, time)| (amount(cost), row::millis(time)))
            .collect())
    }
}
