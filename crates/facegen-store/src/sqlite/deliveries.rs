//! The statements about webhooks and uploads.

use async_trait::async_trait;
use facegen_core::Timestamp;
use facegen_core::key::KeyId;
use facegen_core::store::{
    Delivery, DeliveryFilter, DeliveryKind, DeliveryRecord, DeliveryStore, StoreError, WorkerId,
};
use serde::Serialize;

use super::database::Database;
use crate::rows::{delivery, failed, record};

/// The deliveries of one database.
#[derive(Debug, Clone)]
pub(crate) struct SqliteDeliveries(pub(crate) Database);

/// Claims the next delivery that is due. Of each key only the first for each of
/// its receivers is read, from one receiver to the next by an index, so that
/// the queue of an excluded receiver costs nothing; 500 receivers at most. A
/// trigger updates the turns of the keys.
macro_rules! claim {
    ($which:literal) => {
        concat!(
            "UPDATE deliveries
             SET state = 'running', attempt = attempt + 1, lease_until = ?1, claimed_by = ?6
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

pub(crate) const CLAIM_FIRST: &str = claim!("attempt = attempts_before");

pub(crate) const CLAIM_AGAIN: &str = claim!("attempt > attempts_before");

/// Requeues deliveries whose leases have expired, except for those known to be
/// in flight.
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

/// Lists the latest deliveries of a key.
pub(crate) const LIST: &str =
    "SELECT * FROM deliveries WHERE key_id = ? AND id < ? ORDER BY id DESC LIMIT ?";

/// Finds one delivery of a key.
pub(crate) const BY_NAME: &str = "SELECT * FROM deliveries WHERE name = ? AND key_id = ?";

#[async_trait]
impl DeliveryStore for SqliteDeliveries {
    async fn claim(
        &self,
        filter: &DeliveryFilter,
        worker: &WorkerId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let claim = if filter.first {
            CLAIM_FIRST
        } else {
            CLAIM_AGAIN
        };
        let row = sqlx::query(claim)
            .bind(lease_until.as_millis())
            .bind(filter.kind.as_str())
            .bind(now.as_millis())
            .bind(list(&filter.without_receivers))
            .bind(list(&filter.without_keys))
            .bind(worker.as_str())
            .fetch_optional(&self.0.writer)
            .await
            .map_err(failed)?;
        row.map(|row| delivery(&row, filter.kind)).transpose()
    }

    async fn reclaim_expired(
        &self,
        kind: DeliveryKind,
        in_flight: &[i64],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(RECLAIM)
            .bind(now.as_millis())
            .bind(kind.as_str())
            .bind(list(in_flight))
            .execute(&self.0.writer)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn reclaim_worker(&self, worker: &WorkerId) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE deliveries SET state = 'queued', lease_until = NULL
             WHERE state = 'running' AND claimed_by = ?",
        )
        .bind(worker.as_str())
        .execute(&self.0.writer)
        .await
        .map_err(failed)?;
        Ok(())
    }

    async fn workers(&self) -> Result<Vec<WorkerId>, StoreError> {
        let names = sqlx::query_scalar(
            "SELECT DISTINCT claimed_by FROM deliveries WHERE state = 'running' ORDER BY 1",
        );
        let names: Vec<String> = names.fetch_all(&self.0.readers).await.map_err(failed)?;
        Ok(names.into_iter().map(WorkerId::new).collect())
    }

    async fn keep_body(
        &self,
        delivery: &Delivery,
        body: &str,
    ) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar(
            "UPDATE deliveries SET body = coalesce(body, ?)
             WHERE id = ? AND state = 'running' AND attempt = ? RETURNING body",
        )
        .bind(body)
        .bind(delivery.id)
        .bind(delivery.attempt)
        .fetch_optional(&self.0.writer)
        .await
        .map_err(failed)
    }

    async fn finish(
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
            .execute(&self.0.writer)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn postpone(
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
            .execute(&self.0.writer)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn release(&self, delivery: &Delivery) -> Result<(), StoreError> {
        sqlx::query(RELEASE)
            .bind(delivery.id)
            .bind(delivery.attempt)
            .execute(&self.0.writer)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn list(
        &self,
        key: KeyId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        let rows = sqlx::query(LIST)
            .bind(key.get())
            .bind(before.map_or(i64::MAX, i64::from))
            .bind(limit)
            .fetch_all(&self.0.readers)
            .await
            .map_err(failed)?;
        rows.iter().map(record).collect()
    }

    async fn find(&self, key: KeyId, name: &str) -> Result<Option<DeliveryRecord>, StoreError> {
        let row = sqlx::query(BY_NAME)
            .bind(name)
            .bind(key.get())
            .fetch_optional(&self.0.readers)
            .await
            .map_err(failed)?;
        row.as_ref().map(record).transpose()
    }

    async fn replay(&self, key: KeyId, name: &str, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE deliveries
             SET state = 'queued', attempts_before = attempt, run_at = ?, last_error = NULL,
                 finished_at = NULL
             WHERE name = ? AND key_id = ? AND state IN ('delivered', 'dead')",
        )
        .bind(now.as_millis())
        .bind(name)
        .bind(key.get())
        .execute(&self.0.writer)
        .await
        .map_err(failed)?;
        Ok(done.rows_affected() == 1)
    }
}

/// Encodes a list of values for a statement.
fn list<T: Serialize>(values: &[T]) -> String {
    // Serializing numbers and texts cannot fail.
    serde_json::to_string(values).unwrap_or_else(|_| String::from("[]"))
}
