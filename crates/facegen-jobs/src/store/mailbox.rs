//! The deliveries of a key, as its holder sees them.

use facegen_core::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::deliveries::DeliveryKind;
use super::{Store, StoreError, row};
use crate::job::JobId;
use crate::key::KeyId;

/// One delivery, as its row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its place among all deliveries.
    pub number: i64,
    /// Its name for receivers and callers.
    pub name: String,
    /// What is delivered.
    pub kind: DeliveryKind,
    /// Whose end is told, or whose pictures are uploaded.
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

/// The latest deliveries of a key.
pub(super) const LIST: &str =
    "SELECT * FROM deliveries WHERE key_id = ? AND id < ? ORDER BY id DESC LIMIT ?";

/// One delivery of a key.
pub(super) const BY_NAME: &str = "SELECT * FROM deliveries WHERE name = ? AND key_id = ?";

impl Store {
    /// The latest deliveries of `key` before this number.
    pub(crate) async fn mailbox(
        &self,
        key: KeyId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        let rows = sqlx::query(LIST)
            .bind(key.get())
            .bind(before.map_or(i64::MAX, i64::from))
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(record).collect()
    }

    /// The delivery of this name, if it is `key`'s.
    pub(crate) async fn delivery(
        &self,
        key: KeyId,
        name: &str,
    ) -> Result<Option<DeliveryRecord>, StoreError> {
        let row = sqlx::query(BY_NAME)
            .bind(name)
            .bind(key.get())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(record).transpose()
    }

    /// Makes the delivery of this name wait again, if it is `key`'s and has
    /// ended. False when nothing has changed.
    pub(crate) async fn replay_delivery(
        &self,
        key: KeyId,
        name: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE deliveries
             SET state = 'queued', attempts_before = attempt, run_at = ?, last_error = NULL,
                 finished_at = NULL
             WHERE name = ? AND key_id = ? AND state IN ('delivered', 'dead')",
        )
        .bind(now.as_millis())
        .bind(name)
        .bind(key.get())
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

fn record(row: &SqliteRow) -> Result<DeliveryRecord, StoreError> {
    let unreadable = |column| StoreError::UnreadableRow {
        table: "deliveries",
        id: row.try_get("id").unwrap_or_default(),
        column,
    };
    let kind: &str = row.try_get("kind")?;
    let kinds = [DeliveryKind::Webhook, DeliveryKind::Upload];
    let kind = kinds.into_iter().find(|known| known.as_str() == kind);
    let kind = kind.ok_or_else(|| unreadable("kind"))?;
    let state: String = row.try_get("state")?;
    let last_error: Option<String> = row.try_get("last_error")?;
    let finished_at: Option<i64> = row.try_get("finished_at")?;
    let run_at = Timestamp::from_millis(row.try_get("run_at")?);
    let job = row::job_id(row.try_get("generation_id")?);
    Ok(DeliveryRecord {
        number: row.try_get("id")?,
        name: row.try_get("name")?,
        kind,
        job: job.ok_or_else(|| unreadable("generation_id"))?,
        next_attempt_at: (state == "queued").then_some(run_at),
        state,
        attempts: row.try_get("attempt")?,
        last_error: last_error.map(|error| match kind {
            DeliveryKind::Webhook => error,
            // What a bucket says is for its operator.
            DeliveryKind::Upload => String::from("the bucket did not take the pictures"),
        }),
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
        finished_at: finished_at.map(Timestamp::from_millis),
    })
}
