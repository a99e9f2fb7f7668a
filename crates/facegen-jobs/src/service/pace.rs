//! How fast the engine is.

use std::time::Duration;

use facegen_core::Timestamp;

/// What is guessed when nothing was ever measured: ten seconds for a picture
/// of 512×512 pixels in 21 steps, between a fast processor and a slow card.
const FIRST_GUESS: f64 = 10.0 / (512.0 * 512.0 * 21.0);

/// The weight of what was measured before, against each new step: the pace is
/// that of the last hundred steps or so.
const MEMORY: f64 = 0.99;

/// A longer pause between two steps is no measurement: the machine slept, or
/// its clock was set.
const LONGEST_STEP: Duration = Duration::from_mins(10);

/// The time that a unit of [`cost`](crate::queue::cost) takes: a moving
/// average over steps, in which the time between the steps of successive jobs
/// (analysing a face, decoding) has its share.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pace {
    seconds: f64,
    units: f64,
    /// When the engine did the last thing; `None` while it has nothing to do.
    last: Option<Timestamp>,
}

impl Pace {
    /// The pace of jobs with these costs and times.
    pub(crate) fn from_times(times: &[(u64, Duration)]) -> Self {
        Self {
            seconds: times.iter().map(|(_, time)| time.as_secs_f64()).sum(),
            units: times.iter().map(|(cost, _)| to_float(*cost)).sum(),
            last: None,
        }
    }

    /// The engine got something to do.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.last.get_or_insert(now);
    }

    /// The engine has done a step of so many units.
    pub(crate) fn step(&mut self, units: f64, now: Timestamp) {
        let time = self.last.map(|last| now.since(last));
        self.last = Some(now);
        if let Some(time) = time.filter(|time| *time <= LONGEST_STEP) {
            self.seconds = self.seconds * MEMORY + time.as_secs_f64();
            self.units = self.units * MEMORY + units;
        }
    }

    /// The engine has nothing to do any more.
    pub(crate) fn rest(&mut self) {
        self.last = None;
    }

    /// The time for so much work.
    pub(crate) fn time_for(&self, units: u64) -> Duration {
        let seconds_per_unit = if self.units > 0.0 {
            self.seconds / self.units
        } else {
            FIRST_GUESS
        };
        Duration::try_from_secs_f64(seconds_per_unit * to_float(units)).unwrap_or(Duration::MAX)
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate needs no 53 bits")]
fn to_float(units: u64) -> f64 {
    units as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn nothing_measured_gives_the_first_guess() {
        let pace = Pace::from_times(&[]);
        assert_eq!(pace.time_for(512 * 512 * 21), 10 * SECOND);
    }

    #[test]
    fn the_first_pace_is_that_of_earlier_jobs() {
        let pace = Pace::from_times(&[(100, 3 * SECOND), (300, 5 * SECOND)]);
        assert_eq!(pace.time_for(50), SECOND);
    }

    #[test]
    fn a_pace_follows_the_steps_and_forgets_pauses() {
        let mut pace = Pace::from_times(&[(100, 100 * SECOND)]);
        let mut now = Timestamp::from_millis(0);
        for _ in 0..1_000 {
            pace.begin(now);
            now = now + 2 * SECOND;
            pace.step(1.0, now);
            now = now + 4 * SECOND;
            pace.step(1.0, now);
            pace.rest();
            now = now + 1_000 * SECOND;
        }
        let time = pace.time_for(100).as_secs_f64();
        assert!((299.0..301.0).contains(&time), "{time}");
    }

    #[test]
    fn a_clock_that_is_set_is_no_step() {
        let mut pace = Pace::from_times(&[(100, 100 * SECOND)]);
        let mut now = Timestamp::from_millis(0);
        pace.begin(now);
        now = now + 3_600 * SECOND;
        pace.step(1.0, now);
        assert_eq!(pace.time_for(100), 100 * SECOND);
    }
}
