//! What becomes of the jobs of dead workers.

use facegen_core::store::{DeadWorkers, Death, Reclaimed, StoreError};
use facegen_core::{ErrorCode, Timestamp};
use sqlx::{Row as _, query};

use super::statements::{FAIL_EXHAUSTED, HELD, RECLAIM};
use crate::postgres::database::Statement;
use crate::postgres::session::Transaction;
use crate::rows::{failed, id};

/// Requeues the jobs of dead workers, and fails those over which workers died too
/// often.
pub(super) async fn reclaim(
    transaction: &mut Transaction<'_>,
    dead: &DeadWorkers,
    max_attempts: u32,
    now: Timestamp,
) -> Result<Reclaimed, StoreError> {
    let (worker, death) = match dead {
        DeadWorkers::Worker { id, death } => (Some(id.as_str()), Some(*death)),
        DeadWorkers::Expired => (None, None),
    };
    let held = transaction.one(query(HELD).bind(worker)).await?;
    let held: bool = held.try_get(0).map_err(failed)?;
    let of_dead = |statement: &'static str| -> Statement<'_> {
        query(statement)
            .bind(now.as_millis())
            .bind(worker)
            .bind(death == Some(Death::FromInside))
            .bind(death == Some(Death::Unknown))
            .bind(!held)
            .bind(i64::from(max_attempts))
    };
    let requeued = transaction.all(of_dead(RECLAIM)).await?;
    let bury = of_dead(FAIL_EXHAUSTED).bind(ErrorCode::Internal.as_str());
    let buried = transaction.all(bury).await?;
    Ok(Reclaimed {
        requeued: requeued.iter().map(id).collect::<Result<_, _>>()?,
        failed: buried.iter().map(id).collect::<Result<_, _>>()?,
    })
}
