//! Requeues or fails the jobs of dead workers.

use facegen_core::store::{DeadWorkers, Death, Reclaimed, StoreError};
use facegen_core::{ErrorCode, Timestamp};

use super::super::database::Database;
use super::statements::{FAIL_EXHAUSTED, HELD, RECLAIM};
use crate::rows::{failed, id};

/// Requeues the jobs of dead workers, and fails those with too many crashes.
pub(super) async fn reclaim(
    store: &Database,
    dead: &DeadWorkers,
    max_attempts: u32,
    now: Timestamp,
) -> Result<Reclaimed, StoreError> {
    let (worker, death) = match dead {
        DeadWorkers::Worker { id, death } => (Some(id.as_str()), Some(*death)),
        DeadWorkers::Expired => (None, None),
    };
    let mut transaction = store.writer.begin().await?;
    let held: bool = sqlx::query_scalar(HELD)
        .bind(worker)
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
    let of_dead = |statement| {
        sqlx::query(statement)
            .bind(now.as_millis())
            .bind(worker)
            .bind(death == Some(Death::FromInside))
            .bind(death == Some(Death::Unknown))
            .bind(!held)
    };
    let requeued = of_dead(RECLAIM)
        .bind(max_attempts)
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed)?;
    let failed_ones = of_dead(FAIL_EXHAUSTED)
        .bind(ErrorCode::Internal.as_str())
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(Reclaimed {
        requeued: requeued.iter().map(id).collect::<Result<_, _>>()?,
        failed: failed_ones.iter().map(id).collect::<Result<_, _>>()?,
    })
}
