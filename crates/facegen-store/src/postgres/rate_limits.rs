//! How often each key asks, at all processes together.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use facegen_core::key::KeyId;
use facegen_core::store::{RateLimitStore, StoreError};
use sqlx::{Row as _, query};

use super::database::Database;
use super::session::Transaction;
use crate::memory::count;
use crate::rows::failed;

/// How long the difference between the two clocks is believed in.
const COMPARED: Duration = Duration::from_mins(1);

/// The moments of a key, locked until the transaction ends.
const LOCK: &str = "
    INSERT INTO request_rates AS rates (key_id) VALUES ($1)
    ON CONFLICT (key_id) DO UPDATE SET moments = rates.moments
    RETURNING moments";

const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// The requests of the last minute, of each key, by the clock of the database:
/// the monotonic clocks of the processes have nothing to do with each other.
#[derive(Debug)]
pub(super) struct PostgresRateLimits {
    database: Database,
    compared: Mutex<Option<Compared>>,
}

/// The same moment on both clocks.
#[derive(Debug, Clone, Copy)]
struct Compared {
    monotonic: Duration,
    database: Duration,
    at: Instant,
}

impl Compared {
    /// Returns what the clock of the database shows when the monotonic one
    /// shows this.
    fn on_database(self, monotonic: Duration) -> Duration {
        let earlier = self.monotonic.saturating_sub(monotonic);
        let later = monotonic.saturating_sub(self.monotonic);
        (self.database + later).saturating_sub(earlier)
    }
}

impl PostgresRateLimits {
    /// The limits in this database.
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
            compared: Mutex::default(),
        }
    }

    /// Returns this moment of the monotonic clock on that of the database.
    async fn on_database(&self, now: Duration) -> Result<Duration, StoreError> {
        let known = *self.compared();
        if let Some(known) = known.filter(|known| known.at.elapsed() < COMPARED) {
            return Ok(known.on_database(now));
        }
        let row = self.database.one(query(NOW)).await?;
        let compared = Compared {
            monotonic: now,
            database: moment(row.try_get(0).map_err(failed)?),
            at: Instant::now(),
        };
        *self.compared() = Some(compared);
        Ok(compared.database)
    }

    fn compared(&self) -> std::sync::MutexGuard<'_, Option<Compared>> {
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RateLimitStore for PostgresRateLimits {
    async fn count(
        &self,
        key: KeyId,
        limit: u32,
        now: Duration,
    ) -> Result<Result<(), Duration>, StoreError> {
        let now = self.on_database(now).await?;
        let mut transaction = self.database.begin().await?;
        let counted = count_in(&mut transaction, key, limit, now).await?;
        transaction.commit().await?;
        Ok(counted)
    }
}

async fn count_in(
    transaction: &mut Transaction<'_>,
    key: KeyId,
    limit: u32,
    now: Duration,
) -> Result<Result<(), Duration>, StoreError> {
    let row = transaction.one(query(LOCK).bind(key.get())).await?;
    let mut moments: Vec<i64> = row.try_get(0).map_err(failed)?;
    // The clocks of two processes were not compared at the same time.
    moments.sort_unstable();
    let mut latest: VecDeque<Duration> = moments.into_iter().map(moment).collect();
    let counted = count(&mut latest, limit, now);
    if counted.is_ok() {
        let moments: Vec<i64> = latest.into_iter().map(micros).collect();
        let keep = query("UPDATE request_rates SET moments = $2 WHERE key_id = $1");
        transaction
            .execute(keep.bind(key.get()).bind(moments))
            .await?;
    }
    Ok(counted)
}

fn moment(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

fn micros(moment: Duration) -> i64 {
    i64::try_from(moment.as_micros()).unwrap_or(i64::MAX)
}
