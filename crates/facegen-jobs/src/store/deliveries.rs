//! The statements about webhooks and uploads.

use facegen_core::Timestamp;
use serde::Serialize;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

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
    /// Who receives it: a host, or the bucket of a key.
    pub(crate) receiver: String,
    /// Which attempt this is, from 1. It tells this sender from those before.
    pub(crate) attempt: u32,
    /// Which attempt this is since the delivery was last asked for, from 1.
    pub(crate) attempt_since_asked: u32,
}

/// What may be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// What is delivered.
    pub(crate) kind: DeliveryKind,
    /// Only what was not tried since it was asked for, or only the rest.
    pub(crate) first: bool,
    /// Not what these receive.
    pub(crate) without_receivers: Vec<String>,
    /// Not what is theirs.
    pub(crate) without_keys: Vec<i64>,
}

/// The next one that is due. Of each key the first for each of its receivers is
/// looked at, from one receiver to the next by an index, so that however many
/// wait for one that is left out cost nothing; 500 receivers at most. A trigger
/// counts the turns of the keys.
macro_rules! claim {
    ($which:literal) => {
        concat!(
            "UPDATE deliveries SET state = 'running', attempt = attempt + 1, lease_until = ?1
             WHERE id = (
                 SELECT next.id
                 FROM keys JOIN deliveries AS next ON next.id = (
                     WITH RECURSIVE receivers (receiving) AS (
                         SELECT min(receiver) FROM deliveries
                         WHERE state = 'queued' AND ",
            $which,
            " AND kind = ?2 AND key_id = keys.id
                         UNION ALL
                         SELECT (
                             SELECT min(receiver) FROM deliveries
                             WHERE state = 'queued' AND ",
            $which,
            " AND kind = ?2 AND key_id = keys.id AND receiver > receiving
                         )
                         FROM receivers WHERE receiving IS NOT NULL LIMIT 500
                     )
                     SELECT first.id
                     FROM receivers JOIN deliveries AS first ON first.id = (
                         SELECT id FROM deliveries
                         WHERE state = 'queued' AND ",
            $which,
            " AND kind = ?2 AND key_id = keys.id AND receiver = receiving AND run_at <= ?3
                         ORDER BY run_at, id LIMIT 1
                     )
                     WHERE receiving NOT IN (SELECT value FROM json_each(?4))
                     ORDER BY first.run_at, first.id LIMIT 1
                 )
                 WHERE keys.id NOT IN (SELECT value FROM json_each(?5))
                 ORDER BY keys.delivery_turn, next.run_at, next.id LIMIT 1
             )
             RETURNING *"
        )
    };
}

pub(super) const CLAIM_FIRST: &str = claim!("attempt = attempts_before");

pub(super) const CLAIM_AGAIN: &str = claim!("attempt > attempts_before");

/// Those whose senders never came back, except for the ones that are known to
/// be under way.
const RECLAIM: &str = "
    UPDATE deliveries SET state = 'queued', lease_until = NULL
    WHERE state = 'running' AND lease_until < ? AND kind = ?
      AND id NOT IN (SELECT value FROM json_each(?))";

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
    /// Makes the next delivery of this line the caller's until `lease_until`.
    pub(crate) async fn claim_delivery(
        &self,
        line: &Line,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let claim = if line.first { CLAIM_FIRST } else { CLAIM_AGAIN };
        let row = sqlx::query(claim)
            .bind(lease_until.as_millis())
            .bind(line.kind.as_str())
            .bind(now.as_millis())
            .bind(list(&line.without_receivers))
            .bind(list(&line.without_keys))
            .fetch_optional(&self.writer)
            .await?;
        row.map(|row| delivery(&row, line.kind)).transpose()
    }

    /// Lets those wait again whose senders were given up for dead by `now`,
    /// except for these.
    pub(crate) async fn reclaim_deliveries(
        &self,
        kind: DeliveryKind,
        under_way: &[i64],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(RECLAIM)
            .bind(now.as_millis())
            .bind(kind.as_str())
            .bind(list(under_way))
            .execute(&self.writer)
            .await?;
        Ok(())
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

/// Values as a statement takes a list of them.
fn list<T: Serialize>(values: &[T]) -> String {
    // Neither numbers nor texts can fail to be written.
    serde_json::to_string(values).unwrap_or_else(|_| String::from("[]"))
}

fn delivery(row: &SqliteRow, kind: DeliveryKind) -> Result<Delivery, StoreError> {
    let id = row.try_get("id")?;
    let unreadable = |column| StoreError::UnreadableRow {
        table: "deliveries",
        id,
        column,
    };
    let job = row::job_id(row.try_get("generation_id")?);
    let key: Option<i64> = row.try_get("key_id")?;
    let attempt: u32 = row.try_get("attempt")?;
    let before: u32 = row.try_get("attempts_before")?;
    Ok(Delivery {
        id,
        kind,
        name: row.try_get("name")?,
        job: job.ok_or_else(|| unreadable("generation_id"))?,
        key: KeyId::new(key.ok_or_else(|| unreadable("key_id"))?),
        receiver: row.try_get("receiver")?,
        attempt,
        attempt_since_asked: attempt.saturating_sub(before),
    })
}
