//! The statements about webhooks and uploads.

use facegen_core::Timestamp;
use sqlx::Row as _;

use super::{Store, StoreError, row};
use crate::job::JobId;
use crate::key::KeyId;

/// What is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryKind {
    /// The end of a job, to whom it names.
    Webhook,
    /// The pictures of a job, to a bucket that did not take them.
    Upload,
}

impl DeliveryKind {
    /// Its name in rows, logs, metrics and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Upload => "upload",
        }
    }
}

/// What is the caller's to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) id: i64,
    pub(crate) kind: DeliveryKind,
    /// The same for every attempt.
    pub(crate) name: String,
    /// Whose end is told, or whose pictures are uploaded.
    pub(crate) job: JobId,
    /// Whose job that is.
    pub(crate) key: KeyId,
    /// Which attempt this is, from 1. It tells this sender from those before.
    pub(crate) attempt: u32,
    /// Which attempt this is since the delivery was last asked for, from 1.
    pub(crate) attempt_since_asked: u32,
}

/// The next one that is due, or whose sender never came back, of a key that
/// does not have enough under way already.
const CLAIM: &str = "
    UPDATE deliveries SET state = 'running', attempt = attempt + 1, lease_until = ?
    WHERE id = (
        SELECT deliveries.id
        FROM deliveries JOIN generations ON generations.id = deliveries.generation_id
        WHERE deliveries.kind = ?
          AND ((deliveries.state = 'queued' AND deliveries.run_at <= ?)
               OR (deliveries.state = 'running' AND deliveries.lease_until < ?))
          AND generations.key_id NOT IN (
              SELECT owner.key_id
              FROM deliveries AS sending JOIN generations AS owner ON owner.id = sending.generation_id
              WHERE sending.kind = deliveries.kind AND sending.state = 'running' AND sending.lease_until >= ?
              GROUP BY owner.key_id HAVING count(*) >= ?
          )
        ORDER BY deliveries.run_at, deliveries.id LIMIT 1
    )
    RETURNING *, (SELECT key_id FROM generations WHERE generations.id = generation_id) AS key_id";

const END: &str = "
    UPDATE deliveries SET state = ?, last_error = ?, finished_at = ?, lease_until = NULL
    WHERE id = ? AND state = 'running' AND attempt = ?";

const POSTPONE: &str = "
    UPDATE deliveries SET state = 'queued', last_error = ?, run_at = ?, lease_until = NULL
    WHERE id = ? AND state = 'running' AND attempt = ?";

const RELEASE: &str = "
    UPDATE deliveries SET state = 'queued', attempt = attempt - 1, lease_until = NULL
    WHERE id = ? AND state = 'running' AND attempt = ?";

impl Store {
    /// Makes the next delivery of this kind the caller's until `lease_until`, of a key with
    /// fewer than `per_key` under way.
    pub(crate) async fn claim_delivery(
        &self,
        kind: DeliveryKind,
        now: Timestamp,
        lease_until: Timestamp,
        per_key: u32,
    ) -> Result<Option<Delivery>, StoreError> {
        let row = sqlx::query(CLAIM)
            .bind(lease_until.as_millis())
            .bind(kind.as_str())
            .bind(now.as_millis())
            .bind(now.as_millis())
            .bind(now.as_millis())
            .bind(per_key)
            .fetch_optional(&self.writer)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let id = row.try_get("id")?;
        let job = row::job_id(row.try_get("generation_id")?);
        let unreadable = StoreError::UnreadableRow {
            table: "deliveries",
            id,
            column: "generation_id",
        };
        let attempt: u32 = row.try_get("attempt")?;
        let before: u32 = row.try_get("attempts_before")?;
        Ok(Some(Delivery {
            id,
            kind,
            name: row.try_get("name")?,
            job: job.ok_or(unreadable)?,
            key: KeyId::new(row.try_get("key_id")?),
            attempt,
            attempt_since_asked: attempt.saturating_sub(before),
        }))
    }

    /// The receiver took it (no error), or never will.
    pub(crate) async fn end_delivery(
        &self,
        delivery: &Delivery,
        error: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(END)
            .bind(if error.is_none() { "delivered" } else { "dead" })
            .bind(error)
            .bind(now.as_millis())
            .bind(delivery.id)
            .bind(delivery.attempt)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// It is tried again at `run_at`.
    pub(crate) async fn postpone_delivery(
        &self,
        delivery: &Delivery,
        error: &str,
        run_at: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(POSTPONE)
            .bind(error)
            .bind(run_at.as_millis())
            .bind(delivery.id)
            .bind(delivery.attempt)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// It was not tried: whoever comes next does.
    pub(crate) async fn release_delivery(&self, delivery: &Delivery) -> Result<(), StoreError> {
        sqlx::query(RELEASE)
            .bind(delivery.id)
            .bind(delivery.attempt)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The pictures that this attempt at a job stored are in a bucket now.
    /// False when the job was erased meanwhile.
    pub(crate) async fn note_uploaded(
        &self,
        id: JobId,
        attempt: u32,
        link_base: &str,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE generations SET link_base = ?
             WHERE id = ? AND state = 'succeeded' AND attempt = ? AND removed_at IS NULL",
        )
        .bind(link_base)
        .bind(id.get())
        .bind(attempt)
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes back what a process that died was sending.
    pub(crate) async fn recover_deliveries(&self) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE deliveries SET state = 'queued', lease_until = NULL WHERE state = 'running'",
        )
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}
