//! What becomes of the jobs of dead workers.

use facegen_core::store::{DeadWorkers, Death, Reclaimed, StoreError};
use facegen_core::{ErrorCode, Timestamp};
use sqlx::postgres::PgConnection;

use super::statements::{FAIL_EXHAUSTED, HELD, RECLAIM};
use crate::postgres::database::Statement;
use crate::rows::{failed, id};

/// Requeues the jobs of dead workers, and fails those over which workers died too
/// often.
pub(super) async fn reclaim(
    connection: &mut PgConnection,
    dead: &DeadWorkers,
    max_attempts: u32,
    now: Timestamp,
) -> Result<Reclaimed, StoreError> {
    let (worker, death) = match dead {
        DeadWorkers::Worker { id, death } => (Some(id.as_str()), Some(*death)),
        DeadWorkers::Expired => (None, None),
    };
    let held: bool = sqlx::query_scalar(HELD)
        .bind(worker)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let of_dead = |statement: &'static str| -> Statement<'_> {
        sqlx::query(statement)
            .bind(now.as_millis())
            .bind(worker)
            .bind(death == Some(Death::FromInside))
            .bind(death == Some(Death::Unknown))
            .bind(!held)
            .bind(i64::from(max_attempts))
    };
    let requeued = of_dead(RECLAIM);
    let requeued = requeued.fetch_all(&mut *connection).await.map_err(failed)?;
    let buried = of_dead(FAIL_EXHAUSTED).bind(ErrorCode::Internal.as_str());
    let buried = buried.fetch_all(&mut *connection).await.map_err(failed)?;
    Ok(Reclaimed {
        requeued: requeued.iter().map(id).collect::<Result<_, _>>()?,
        failed: buried.iter().map(id).collect::<Result<_, _>>()?,
    })
}
