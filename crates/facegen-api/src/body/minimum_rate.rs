//! How slowly a body may come.

use std::time::Duration;

use tokio::time::Instant;

use crate::ApiError;

/// How long nothing at all may come.
pub(super) const STALL_TIME: Duration = Duration::from_secs(5);

/// Within each time of this length, so many bytes have to come.
const WINDOW: Duration = Duration::from_secs(10);

/// What has to come within a window: what 64 kbit/s are good for.
const LEAST_BYTES: usize = 80_000;

/// The rate of one body.
#[derive(Debug)]
pub(super) struct MinimumRate {
    began: Instant,
    bytes: usize,
}

impl MinimumRate {
    /// The rate of a body that begins now.
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            bytes: 0,
        }
    }

    /// So many bytes have come, and the body goes on.
    ///
    /// # Errors
    /// They are too few for the time that has passed.
    pub(super) fn came(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.bytes += bytes;
        if self.began.elapsed() < WINDOW {
            return Ok(());
        }
        if self.bytes < LEAST_BYTES {
            return Err(ApiError::BodyTooSlow);
        }
        *self = Self::new();
        Ok(())
    }

    /// The body has waited for the server, which is no fault of its sender.
    pub(super) fn waited(&mut self, time: Duration) {
        self.began += time;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// For how many seconds a body goes on of which so much comes each second.
    async fn lasts(bytes: impl Fn(u32) -> usize) -> u32 {
        let mut rate = MinimumRate::new();
        for second in 0..60 {
            advance(Duration::from_secs(1)).await;
            if rate.came(bytes(second)).is_err() {
                return second + 1;
            }
        }
        60
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_be_slow_but_not_slower() {
        assert_eq!(lasts(|_| 8_000).await, 60);
        assert_eq!(lasts(|_| 7_999).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_fast_at_first_counts_for_its_own_time_only() {
        let bytes = |second| if second == 0 { 15_000_000 } else { 100 };
        assert_eq!(lasts(bytes).await, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_room_does_not_count() {
        let mut rate = MinimumRate::new();
        advance(WINDOW).await;
        rate.waited(Duration::from_secs(1));
        assert!(rate.came(1).is_ok());
    }
}
