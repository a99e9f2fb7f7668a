//! Request counts of keys, within one process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use facegen_core::key::KeyId;
use facegen_core::store::{RateLimitStore, StoreError};

/// The time within which requests are counted.
const WINDOW: Duration = Duration::from_mins(1);

/// The requests of each key within the last minute, by the monotonic clock.
/// They are in memory only: a restart forgets them.
#[derive(Debug, Default)]
pub(crate) struct MemoryRateLimits(Mutex<HashMap<KeyId, VecDeque<Duration>>>);

/// Counts a request at `now` among the `latest` ones of a key if fewer than `limit` were
/// made within the last minute. Otherwise it does not count, so that a caller that
/// keeps retrying succeeds eventually, and the error says when.
pub(crate) fn count(
    latest: &mut VecDeque<Duration>,
    limit: u32,
    now: Duration,
) -> Result<(), Duration> {
    latest.retain(|moment| now.saturating_sub(*moment) < WINDOW);
    let excess = (latest.len() + 1).saturating_sub(limit as usize);
    let Some(last_excessive) = excess.checked_sub(1) else {
        latest.push_back(now);
        return Ok(());
    };
    // A limit that was lowered may leave more than one too many.
    let frees = latest.get(last_excessive).copied().unwrap_or(now);
    Err(WINDOW.saturating_sub(now.saturating_sub(frees)))
}

impl MemoryRateLimits {
    /// See [`count`].
    fn count_now(&self, key: KeyId, limit: u32, now: Duration) -> Result<(), Duration> {
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count(rates.entry(key).or_default(), limit, now)
    }
}

#[async_trait]
impl RateLimitStore for MemoryRateLimits {
    async fn count(
        &self,
        key: KeyId,
        limit: u32,
        now: Duration,
    ) -> Result<Result<(), Duration>, StoreError> {
        Ok(self.count_now(key, limit, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn no_minute_has_more_requests_than_allowed() {
        let (rates, key) = (MemoryRateLimits::default(), KeyId::new(1));
        let mut taken: Vec<Duration> = Vec::new();
        let mut now = 1_000 * SECOND;
        for _ in 0..1_000 {
            match rates.count_now(key, 3, now) {
                Ok(()) => taken.push(now),
                Err(wait) => {
                    assert!(wait > Duration::ZERO && wait <= WINDOW);
                    assert!(rates.count_now(key, 3, now + wait - SECOND / 1000).is_err());
                    let frees = now + wait;
                    assert_eq!(frees, taken[taken.len() - 3] + WINDOW);
                }
            }
            now += 7 * SECOND;
        }
        assert!(taken.windows(4).all(|four| four[3] - four[0] >= WINDOW));
        assert_eq!(taken.len(), 3 * (7_000 / 63) + 1, "and as many as allowed");
    }

    #[test]
    fn keys_do_not_count_for_each_other() {
        let rates = MemoryRateLimits::default();
        let now = 1_000 * SECOND;
        assert_eq!(rates.count_now(KeyId::new(1), 1, now), Ok(()));
        assert_eq!(rates.count_now(KeyId::new(1), 1, now), Err(WINDOW));
        assert_eq!(rates.count_now(KeyId::new(2), 1, now), Ok(()));
    }

    #[test]
    fn a_limit_may_be_lowered() {
        let (rates, key) = (MemoryRateLimits::default(), KeyId::new(1));
        let now = 1_000 * SECOND;
        for seconds in 0..5 {
            assert_eq!(rates.count_now(key, 5, now + seconds * SECOND), Ok(()));
        }
        let later = now + 10 * SECOND;
        // Four of the five have to become older than a minute.
        assert_eq!(rates.count_now(key, 2, later), Err(53 * SECOND));
    }
}
