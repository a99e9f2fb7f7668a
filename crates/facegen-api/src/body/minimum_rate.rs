//! The minimum rate at which a body must arrive.

use std::time::Duration;

use tokio::time::Instant;

use crate::ApiError;

/// The longest pause without any bytes.
pub(super) const STALL_TIME: Duration = Duration::from_secs(5);

/// The window over which the rate is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// The fewest bytes of a window: 64 kbit/s.
const LEAST_BYTES: usize = 80_000;

/// The measured rate of one body.
#[derive(Debug)]
pub(super) struct MinimumRate {
    began: Instant,
    bytes: usize,
}

impl MinimumRate {
    /// Starts measuring now.
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            bytes: 0,
        }
    }

    /// Counts `bytes` that have arrived.
    ///
    /// # Errors
    /// Fails when the rate is too low.
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

    /// Leaves out a time in which the server was not ready to read.
    pub(super) fn waited(&mut self, time: Duration) {
        self.began += time;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// Returns after how many seconds a body of this rate is refused.
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
    async fn a_body_may_arrive_at_the_minimum_rate_but_not_below() {
        assert_eq!(lasts(|_| 8_000).await, 60);
        assert_eq!(lasts(|_| 7_999).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_count_only_for_their_own_window() {
        let bytes = |second| if second == 0 { 15_000_000 } else { 100 };
        assert_eq!(lasts(bytes).await, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_memory_does_not_count() {
        let mut rate = MinimumRate::new();
        advance(WINDOW).await;
        rate.waited(Duration::from_secs(1));
        assert!(rate.came(1).is_ok());
    }
}
