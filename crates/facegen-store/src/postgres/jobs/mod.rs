//! The jobs in PostgreSQL.

mod erase;
mod intake;
mod reclaim;
mod statements;
#[cfg(test)]
pub(super) mod tests;
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
use sqlx::{Row as _, query};

use self::intake::{find_idempotent, known};
pub(super) use self::statements::CLAIM;
use self::statements::{
    BACKLOG, BEFORE, BREAK_DOWN, CANCEL, CLEAR, ENTER, FAIL, FIT, HEARTBEAT, POSITION, RELEASE,
    TIMES, WARN,
};
use self::values::{ending, fenced, finishing};
use super::database::{Database, Lock, Statement};
use crate::rows::{self, Columns as _, amount, claim, failed, id, json, number};

/// The jobs of one database.
#[derive(Debug, Clone)]
pub(super) struct PostgresJobs {
    database: Database,
}

impl PostgresJobs {
    /// The jobs of this database.
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// What waits, and what is being done.
    async fn load_behind(&self, waiting: Statement<'_>) -> Result<Load, StoreError> {
        let waiting: i64 = self
            .database
            .one(waiting)
            .await?
            .try_get(0)
            .map_err(failed)?;
        let running = query("SELECT id, cost FROM generations WHERE state = 'running'");
        let running = self.database.all(running).await?;
        let running = running
            .iter()
            .map(|row| Ok((id(row)?, amount(row.int("cost")?))));
        Ok(Load {
            waiting: amount(waiting),
            running: running.collect::<Result<_, StoreError>>()?,
        })
    }
}

#[async_trait]
impl JobStore for PostgresJobs {
    async fn insert(
        &self,
        job: &NewJob,
        limits: QueueLimits,
    ) -> Result<Result<Job, QueueFull>, StoreError> {
        let mut transaction = self.database.begin_before(Lock::Intake).await?;
        let sent = intake::send_photo(&mut transaction, job, limits).await?;
        transaction.lock(Lock::Intake).await?;
        let inserted = intake::insert(&mut transaction, job, sent, limits).await?;
        match inserted {
            Ok(_) => transaction.commit().await?,
            Err(_) => transaction.roll_back().await?,
        }
        Ok(inserted)
    }

    async fn insert_once(
        &self,
        job: &NewJob,
        idempotency: &Idempotency,
        limits: QueueLimits,
    ) -> Result<Intake, StoreError> {
        let (key, now) = (job.key, job.created_at);
        let mut transaction = self.database.begin_before(Lock::Intake).await?;
        let sent = intake::send_photo(&mut transaction, job, limits).await?;
        transaction.lock(Lock::Intake).await?;
        let found = transaction.optional(find_idempotent(key, idempotency, now));
        if let Some(row) = found.await? {
            transaction.roll_back().await?;
            return known(&row, idempotency);
        }
        let inserted = match intake::insert(&mut transaction, job, sent, limits).await? {
            Ok(inserted) => inserted,
            Err(full) => {
                transaction.roll_back().await?;
                return Ok(Intake::Full(full));
            }
        };
        intake::remember(&mut transaction, idempotency, &inserted, now).await?;
        transaction.commit().await?;
        Ok(Intake::New(inserted))
    }

    async fn find_idempotent(
        &self,
        key: KeyId,
        idempotency: &Idempotency,
        now: Timestamp,
    ) -> Result<Option<Intake>, StoreError> {
        let found = self
            .database
            .optional(find_idempotent(key, idempotency, now));
        let found = found.await?;
        found.map(|row| known(&row, idempotency)).transpose()
    }

    async fn claim(
        &self,
        scope: ClaimScope,
        worker: &WorkerId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Claim>, StoreError> {
        let shown = self.database.presence.show(worker).await;
        self.database.noted(shown)?;
        let mut transaction = self.database.begin_locked(Lock::JobClaim).await?;
        let statement = query(CLAIM)
            .bind(now.as_millis())
            .bind(lease_until.as_millis())
            .bind(worker.as_str())
            .bind(scope != ClaimScope::UnsuspectedInline)
            .bind(scope == ClaimScope::Any);
        let claimed = transaction.optional(statement).await?;
        transaction.commit().await?;
        claimed.as_ref().map(claim).transpose()
    }

    async fn heartbeat(&self, fence: Fence, lease_until: Timestamp) -> Result<bool, StoreError> {
        let heartbeat = fenced(HEARTBEAT, fence).bind(lease_until.as_millis());
        let is_ours = self.database.changes(heartbeat).await?;
        self.database.presence.keep().await;
        Ok(is_ours)
    }

    async fn release(&self, fence: Fence) -> Result<bool, StoreError> {
        self.database.changes(fenced(RELEASE, fence)).await
    }

    async fn enter(&self, fence: Fence) -> Result<bool, StoreError> {
        self.database.changes(fenced(ENTER, fence)).await
    }

    async fn resolve_size(
        &self,
        fence: Fence,
        request: &GenerationRequest,
    ) -> Result<bool, StoreError> {
        let fit = fenced(FIT, fence)
            .bind(json("request", request)?)
            .bind(number(cost(request)));
        self.database.changes(fit).await
    }

    async fn warn(&self, fence: Fence, warnings: &[String]) -> Result<bool, StoreError> {
        let warn = fenced(WARN, fence).bind(json("warnings", &warnings)?);
        self.database.changes(warn).await
    }

    async fn break_down(&self, fence: Fence, max_attempts: u32) -> Result<bool, StoreError> {
        let break_down = fenced(BREAK_DOWN, fence).bind(i64::from(max_attempts));
        self.database.changes(break_down).await
    }

    async fn finish(&self, fence: Fence, success: &Success) -> Result<bool, StoreError> {
        self.database.changes(finishing(fence, success)?).await
    }

    async fn fail(
        &self,
        fence: Fence,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let fail = ending(FAIL, JobState::Failed, failure, now)
            .bind(i64::from(fence.id.get()))
            .bind(i64::from(fence.attempt));
        self.database.changes(fail).await
    }

    async fn cancel(
        &self,
        key: KeyId,
        id: JobId,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let cancel = ending(CANCEL, JobState::Cancelled, failure, now)
            .bind(i64::from(id.get()))
            .bind(key.get());
        self.database.changes(cancel).await
    }

    async fn clear(
        &self,
        key: Option<KeyId>,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Vec<Job>, StoreError> {
        let clear = ending(CLEAR, JobState::Cancelled, failure, now).bind(key.map(KeyId::get));
        self.database
            .all(clear)
            .await?
            .iter()
            .map(rows::job)
            .collect()
    }

    async fn erase(&self, key: KeyId, id: JobId, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        let erased = erase::erase(&mut transaction, key, id, now).await?;
        transaction.commit().await?;
        Ok(erased)
    }

    async fn reclaim(
        &self,
        dead: &DeadWorkers,
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reclaimed, StoreError> {
        let mut transaction = self.database.begin_locked(Lock::Reclaim).await?;
        let reclaimed = reclaim::reclaim(&mut transaction, dead, max_attempts, now).await?;
        transaction.commit().await?;
        Ok(reclaimed)
    }

    async fn workers(&self) -> Result<Vec<WorkerId>, StoreError> {
        let workers =
            query("SELECT DISTINCT claimed_by FROM generations WHERE state = 'running' ORDER BY 1");
        let workers = self.database.all(workers).await?;
        let workers = workers.iter().map(|row| row.text("claimed_by"));
        workers.map(|name| name.map(WorkerId::new)).collect()
    }

    async fn images_uploaded(
        &self,
        id: JobId,
        attempt: u32,
        link_base: &str,
    ) -> Result<bool, StoreError> {
        let uploaded = query(
            "UPDATE generations SET link_base = $3
             WHERE id = $1 AND state = 'succeeded' AND attempt = $2 AND erased_at IS NULL",
        )
        .bind(i64::from(id.get()))
        .bind(i64::from(attempt))
        .bind(link_base);
        self.database.changes(uploaded).await
    }

    async fn find(&self, key: Option<KeyId>, id: JobId) -> Result<Option<Job>, StoreError> {
        let find = query("SELECT * FROM generations WHERE id = $1 AND ($2 IS NULL OR key_id = $2)")
            .bind(i64::from(id.get()))
            .bind(key.map(KeyId::get));
        let found = self.database.optional(find).await?;
        found.as_ref().map(rows::job).transpose()
    }

    async fn page(
        &self,
        key: KeyId,
        before: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError> {
        let page = query(
            "SELECT * FROM generations WHERE key_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        )
        .bind(key.get())
        .bind(before.map_or(i64::MAX, |id| i64::from(id.get())))
        .bind(i64::from(limit));
        self.database
            .all(page)
            .await?
            .iter()
            .map(rows::job)
            .collect()
    }

    async fn position(&self, id: JobId) -> Result<u32, StoreError> {
        let position = query(POSITION).bind(i64::from(id.get()));
        self.database.one(position).await?.small("count")
    }

    async fn find_by_prefix(&self, prefix: &FilePrefix) -> Result<Option<Job>, StoreError> {
        let find = query("SELECT * FROM generations WHERE file_prefix = $1").bind(prefix.expose());
        let found = self.database.optional(find).await?;
        found.as_ref().map(rows::job).transpose()
    }

    async fn photo(&self, id: JobId) -> Result<Option<FaceImage>, StoreError> {
        let photo = query("SELECT image FROM photos WHERE generation_id = $1");
        let photo = self
            .database
            .optional(photo.bind(i64::from(id.get())))
            .await?;
        let photo = photo.map(|row| Ok(FaceImage::from(row.bytes("image")?.to_vec())));
        photo.transpose()
    }

    async fn depth(&self) -> Result<u32, StoreError> {
        let depth = query("SELECT count(*) FROM generations WHERE state = 'queued'");
        self.database.one(depth).await?.small("count")
    }

    async fn load_before(&self, id: JobId) -> Result<Load, StoreError> {
        self.load_behind(query(BEFORE).bind(i64::from(id.get())))
            .await
    }

    async fn load(&self) -> Result<Load, StoreError> {
        self.load_behind(query(BACKLOG)).await
    }

    async fn latest_times(&self, count: u32) -> Result<Vec<(u64, Duration)>, StoreError> {
        let times = self
            .database
            .all(query(TIMES).bind(i64::from(count)))
            .await?;
        let times = times.iter().map(|row| {
            let (cost, time) = (row.int("cost")?, row.int("generation_ms")?);
            Ok((amount(cost), rows::millis(time)))
        });
        times.collect()
    }
}
