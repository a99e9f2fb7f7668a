//! The statements about webhooks and uploads.

use async_trait::async_trait;
use facegen_core::Timestamp;
use facegen_core::key::KeyId;
use facegen_core::store::{
    Delivery, DeliveryFilter, DeliveryKind, DeliveryRecord, DeliveryStore, StoreError, WorkerId,
};
use sqlx::query;

use super::database::{Database, Lock, Statement};
use super::text::clean;
use crate::rows::{Columns as _, delivery, record};

/// The deliveries of one database.
#[derive(Debug, Clone)]
pub(super) struct PostgresDeliveries(pub(super) Database);

/// The next one that is due. Of each key the first for each of its receivers is
/// looked at, from one receiver to the next by an index, so that however many
/// wait for one that is left out cost nothing; 500 receivers at most. A trigger
/// keeps when each key was served. One that ends at this moment is not waited for.
macro_rules! claim {
    ($which:literal) => {
        concat!(
            "UPDATE deliveries
             SET state = 'running', attempt = attempt + 1, lease_until = $1, claimed_by = $6
             WHERE id = (
                 SELECT next.id
                 FROM keys
                 CROSS JOIN LATERAL (
                     WITH RECURSIVE receivers (receiving) AS (
                         SELECT (
                             SELECT min(receiver) FROM deliveries
                             WHERE state = 'queued' AND ",
            $which,
            " AND kind = $2 AND key_id = keys.id
                         )
                         UNION ALL
                         SELECT (
                             SELECT min(receiver) FROM deliveries
                             WHERE state = 'queued' AND ",
            $which,
            " AND kind = $2 AND key_id = keys.id AND receiver > receiving
                         )
                         FROM receivers WHERE receiving IS NOT NULL
                     )
                     SELECT first.id
                     FROM (SELECT receiving FROM receivers LIMIT 500) AS few
                     CROSS JOIN LATERAL (
                         SELECT id, run_at FROM deliveries
                         WHERE state = 'queued' AND ",
            $which,
            " AND kind = $2 AND key_id = keys.id AND receiver = few.receiving AND run_at <= $3
                         ORDER BY run_at, id LIMIT 1
                     ) AS first
                     WHERE few.receiving <> ALL ($4)
                     ORDER BY first.run_at, first.id LIMIT 1
                 ) AS head
                 JOIN deliveries AS next ON next.id = head.id
                 WHERE next.state = 'queued' AND keys.id <> ALL ($5)
                 ORDER BY keys.delivery_turn, next.run_at, next.id LIMIT 1
                 FOR NO KEY UPDATE OF next SKIP LOCKED
             )
               AND state = 'queued'
             RETURNING *"
        )
    };
}

pub(super) const CLAIM_FIRST: &str = claim!("attempt = attempts_before");

pub(super) const CLAIM_AGAIN: &str = claim!("attempt > attempts_before");

/// Those whose senders never came back, except for the ones that are known to
/// be in flight. What another process takes back at this moment is left to it.
const RECLAIM: &str = "
    UPDATE deliveries SET state = 'queued', lease_until = NULL
    WHERE id IN (
        SELECT id FROM deliveries
        WHERE state = 'running' AND lease_until < $1 AND kind = $2 AND id <> ALL ($3)
        FOR NO KEY UPDATE SKIP LOCKED
    )";

const END: &str = "
    UPDATE deliveries SET state = $3, last_error = $4, finished_at = $5, lease_until = NULL
    WHERE id = $1 AND state = 'running' AND attempt = $2";

const POSTPONE: &str = "
    UPDATE deliveries SET state = 'queued', last_error = $3, run_at = $4, lease_until = NULL
    WHERE id = $1 AND state = 'running' AND attempt = $2";

const RELEASE: &str = "
    UPDATE deliveries SET state = 'queued', attempt = attempt - 1, lease_until = NULL
    WHERE id = $1 AND state = 'running' AND attempt = $2";

const KEEP_BODY: &str = "
    UPDATE deliveries SET body = coalesce(body, $3)
    WHERE id = $1 AND state = 'running' AND attempt = $2 RETURNING body";

/// A statement whose first values are those of the fence.
fn fenced(statement: &'static str, delivery: &Delivery) -> Statement<'static> {
    query(statement)
        .bind(delivery.id)
        .bind(i64::from(delivery.attempt))
}

#[async_trait]
impl DeliveryStore for PostgresDeliveries {
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
        let mut transaction = self.0.begin_locked(Lock::DeliveryClaim).await?;
        let claim = query(claim)
            .bind(lease_until.as_millis())
            .bind(filter.kind.as_str())
            .bind(now.as_millis())
            .bind(&filter.without_receivers)
            .bind(&filter.without_keys)
            .bind(worker.as_str());
        let row = transaction.optional(claim).await?;
        transaction.commit().await?;
        row.map(|row| delivery(&row, filter.kind)).transpose()
    }

    async fn reclaim_expired(
        &self,
        kind: DeliveryKind,
        in_flight: &[i64],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let reclaim = query(RECLAIM)
            .bind(now.as_millis())
            .bind(kind.as_str())
            .bind(in_flight);
        self.0.execute(reclaim).await.map(drop)
    }

    async fn reclaim_worker(&self, worker: &WorkerId) -> Result<(), StoreError> {
        let reclaim = query(
            "UPDATE deliveries SET state = 'queued', lease_until = NULL
             WHERE state = 'running' AND claimed_by = $1",
        );
        self.0
            .execute(reclaim.bind(worker.as_str()))
            .await
            .map(drop)
    }

    async fn workers(&self) -> Result<Vec<WorkerId>, StoreError> {
        let workers =
            query("SELECT DISTINCT claimed_by FROM deliveries WHERE state = 'running' ORDER BY 1");
        let workers = self.0.all(workers).await?;
        let workers = workers.iter().map(|row| row.text("claimed_by"));
        workers.map(|name| name.map(WorkerId::new)).collect()
    }

    async fn keep_body(
        &self,
        delivery: &Delivery,
        body: &str,
    ) -> Result<Option<String>, StoreError> {
        let keep = fenced(KEEP_BODY, delivery).bind(clean(body));
        let row = self.0.optional(keep).await?;
        row.map(|row| Ok(row.text("body")?.to_owned())).transpose()
    }

    async fn finish(
        &self,
        delivery: &Delivery,
        error: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let end = fenced(END, delivery)
            .bind(if error.is_none() { "delivered" } else { "dead" })
            .bind(error.map(clean))
            .bind(now.as_millis());
        self.0.execute(end).await.map(drop)
    }

    async fn postpone(
        &self,
        delivery: &Delivery,
        error: &str,
        run_at: Timestamp,
    ) -> Result<(), StoreError> {
        let postpone = fenced(POSTPONE, delivery)
            .bind(clean(error))
            .bind(run_at.as_millis());
        self.0.execute(postpone).await.map(drop)
    }

    async fn release(&self, delivery: &Delivery) -> Result<(), StoreError> {
        self.0.execute(fenced(RELEASE, delivery)).await.map(drop)
    }

    async fn list(
        &self,
        key: KeyId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        let list = query(
            "SELECT * FROM deliveries WHERE key_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        )
        .bind(key.get())
        .bind(before.map_or(i64::MAX, i64::from))
        .bind(i64::from(limit));
        self.0.all(list).await?.iter().map(record).collect()
    }

    async fn find(&self, key: KeyId, name: &str) -> Result<Option<DeliveryRecord>, StoreError> {
        let find = query("SELECT * FROM deliveries WHERE name = $1 AND key_id = $2")
            .bind(clean(name))
            .bind(key.get());
        let row = self.0.optional(find).await?;
        row.as_ref().map(record).transpose()
    }

    async fn replay(&self, key: KeyId, name: &str, now: Timestamp) -> Result<bool, StoreError> {
        let replay = query(
            "UPDATE deliveries
             SET state = 'queued', attempts_before = attempt, run_at = $1, last_error = NULL,
                 finished_at = NULL
             WHERE name = $2 AND key_id = $3 AND state IN ('delivered', 'dead')",
        )
        .bind(now.as_millis())
        .bind(clean(name))
        .bind(key.get());
        self.0.changes(replay).await
    }
}
