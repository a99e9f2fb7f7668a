//! What is done now and then, however often there is an opportunity.

use std::time::Duration;

use tokio::time::Instant;

/// When something was last done.
#[derive(Debug, Default)]
pub(super) struct Throttle(Option<Instant>);

impl Throttle {
    /// Returns whether it is to be done now, for the first time or after this pause.
    pub(super) fn is_due(&mut self, pause: Duration) -> bool {
        let is_due = self.0.is_none_or(|last| last.elapsed() >= pause);
        if is_due {
            self.0 = Some(Instant::now());
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_many_opportunities_one_is_taken_after_each_pause() {
        let (mut throttle, mut done) = (Throttle::default(), 0);
        for _ in 0..100 {
            done += u32::from(throttle.is_due(Duration::from_secs(1)));
            advance(Duration::from_millis(25)).await;
        }
        assert_eq!(done, 3, "in two seconds and a half");
    }
}
