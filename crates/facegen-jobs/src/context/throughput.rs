//! How fast the engines are.

use std::collections::HashMap;
use std::time::Duration;

use facegen_core::EngineName;

/// The guess before anything was measured: ten seconds for an image of 512×512
/// pixels in 21 steps, between a fast processor and a slow GPU.
const FIRST_GUESS: f64 = 10.0 / (512.0 * 512.0 * 21.0);

/// How many times the first guess a job or a step takes at most, on the slowest
/// machine.
const SLOWEST: f64 = 300.0;

/// What a small one takes at most in addition, to find a face and the like.
const OVERHEAD: Duration = Duration::from_mins(1);

/// The weight of earlier measurements against each new step: the throughput is
/// that of the last hundred steps or so.
const MEMORY: f64 = 0.99;

/// A step that takes so many times the average is a pause of the machine,
/// unless the next one is as long: then the device is slower than the former
/// one. The step before which a face is analysed is shorter, on a fast GPU too.
const PAUSE: f64 = 100.0;

/// The throughput of each engine.
#[derive(Debug)]
pub(crate) struct Throughput {
    /// The throughput of an engine that has not worked yet.
    first: EngineThroughput,
    engines: HashMap<EngineName, EngineThroughput>,
}

impl Throughput {
    /// Creates the throughput of engines that have not worked yet; see
    /// [`EngineThroughput::from_times`].
    pub(crate) fn from_times(times: &[(u64, Duration)]) -> Self {
        Self {
            first: EngineThroughput::from_times(times),
            engines: HashMap::new(),
        }
    }

    /// Records that an engine begins to work.
    pub(crate) fn begin(&mut self, engine: &EngineName, now: Duration) {
        self.throughput_of(engine).begin(now);
    }

    /// Records that an engine has done a step of so many units.
    pub(crate) fn step(&mut self, engine: &EngineName, units: f64, now: Duration) {
        self.throughput_of(engine).step(units, now);
    }

    /// Records that no engine has any work left.
    pub(crate) fn reset_clock(&mut self) {
        self.engines
            .values_mut()
            .for_each(EngineThroughput::reset_clock);
    }

    /// Returns the time that one engine takes for so much work: the mean of all.
    pub(crate) fn time_for(&self, units: u64) -> Duration {
        let count = u32::try_from(self.engines.len()).unwrap_or(u32::MAX);
        let times = self
            .engines
            .values()
            .map(|throughput| throughput.time_for(units));
        let sum = times.fold(Duration::ZERO, Duration::saturating_add);
        sum.checked_div(count)
            .unwrap_or_else(|| self.first.time_for(units))
    }

    /// Returns the time that so many engines take together.
    pub(crate) fn time_for_all(&self, units: u64, engines: usize) -> Duration {
        let engines = u32::try_from(engines.max(1)).unwrap_or(u32::MAX);
        self.time_for(units) / engines
    }

    fn throughput_of(&mut self, engine: &EngineName) -> &mut EngineThroughput {
        let first = &self.first;
        self.engines
            .entry(engine.clone())
            .or_insert_with(|| first.clone())
    }
}

/// The time that a unit of [`cost`](facegen_core::store::cost) takes: a moving
/// average over steps, which includes the time between the steps of successive
/// jobs (analysing a face, decoding). Times are those of the monotonic clock.
#[derive(Debug, Clone, PartialEq)]
struct EngineThroughput {
    seconds: f64,
    units: f64,
    /// When the engine did the last thing; `None` while it has no work.
    last: Option<Duration>,
    /// Whether the last step looked like a pause of the machine.
    was_pause: bool,
}

impl EngineThroughput {
    /// Returns the throughput of jobs with these costs and times: the median,
    /// as a few may have been measured while the machine slept. Impossible
    /// times are left out.
    fn from_times(times: &[(u64, Duration)]) -> Self {
        let times = times.iter().map(|(cost, time)| (to_float(*cost), *time));
        let mut times: Vec<(f64, f64)> = times
            .filter(|(units, time)| is_possible(*units, *time))
            .map(|(units, time)| (units, time.as_secs_f64()))
            .collect();
        times.sort_by(|one, other| (one.1 / one.0).total_cmp(&(other.1 / other.0)));
        let (units, seconds) = times.get(times.len() / 2).copied().unwrap_or_default();
        Self {
            seconds,
            units,
            last: None,
            was_pause: false,
        }
    }

    /// Records that the engine begins to work.
    fn begin(&mut self, now: Duration) {
        self.last.get_or_insert(now);
    }

    /// Records that the engine has done a step of so many units.
    fn step(&mut self, units: f64, now: Duration) {
        let time = self.last.map(|last| now.saturating_sub(last));
        self.last = Some(now);
        let Some(time) = time.filter(|time| is_possible(units, *time)) else {
            return;
        };
        let time = time.as_secs_f64();
        let is_pause = time * self.units > PAUSE * units * self.seconds && self.units > 0.0;
        if !is_pause || self.was_pause {
            self.seconds = self.seconds * MEMORY + time;
            self.units = self.units * MEMORY + units;
        }
        self.was_pause = is_pause;
    }

    /// Records that the engine has no work left.
    fn reset_clock(&mut self) {
        self.last = None;
    }

    /// Returns the time for so much work.
    fn time_for(&self, units: u64) -> Duration {
        let seconds_per_unit = if self.units > 0.0 {
            self.seconds / self.units
        } else {
            FIRST_GUESS
        };
        Duration::try_from_secs_f64(seconds_per_unit * to_float(units)).unwrap_or(Duration::MAX)
    }
}

/// Returns whether some machine can take that time for so much work.
fn is_possible(units: f64, time: Duration) -> bool {
    let most = OVERHEAD.as_secs_f64() + SLOWEST * FIRST_GUESS * units;
    !time.is_zero() && units > 0.0 && time.as_secs_f64() <= most
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
        let throughput = EngineThroughput::from_times(&[]);
        assert_eq!(throughput.time_for(512 * 512 * 21), 10 * SECOND);
    }

    /// The cost of an image of 64×64 pixels in 21 steps.
    const SMALL: u64 = 64 * 64 * 21;

    #[test]
    fn the_first_throughput_is_the_median_of_earlier_jobs() {
        let times = [
            (SMALL, SECOND / 2),
            (2 * SMALL, 2 * SECOND),
            (SMALL, 4 * SECOND),
        ];
        let throughput = EngineThroughput::from_times(&times);
        assert_eq!(throughput.time_for(SMALL), SECOND);
        assert_eq!(
            EngineThroughput::from_times(&times[1..2]).time_for(SMALL),
            SECOND
        );
    }

    #[test]
    fn impossible_times_are_left_out() {
        let guess = EngineThroughput::from_times(&[]);
        for hours in [1, 24, 24 * 365 * 174] {
            let slept = (SMALL, Duration::from_hours(hours));
            assert_eq!(EngineThroughput::from_times(&[slept]), guess);
            let sound = [slept, (SMALL, SECOND), (SMALL, Duration::ZERO), slept];
            assert_eq!(EngineThroughput::from_times(&sound).time_for(SMALL), SECOND);
        }
        assert_eq!(
            EngineThroughput::from_times(&[(SMALL, Duration::ZERO)]),
            guess
        );
        assert_eq!(EngineThroughput::from_times(&[(0, SECOND)]), guess);
        // An image of full size on a very slow processor.
        let slow = (64 * SMALL, Duration::from_mins(45));
        assert_eq!(
            EngineThroughput::from_times(&[slow]).time_for(64 * SMALL),
            slow.1
        );
    }

    #[test]
    fn the_throughput_follows_the_steps_and_ignores_pauses() {
        let mut throughput = EngineThroughput::from_times(&[(100, SECOND)]);
        let mut now = Duration::ZERO;
        for _ in 0..1_000 {
            throughput.begin(now);
            now += 2 * SECOND;
            throughput.step(1.0, now);
            now += 4 * SECOND;
            throughput.step(1.0, now);
            throughput.reset_clock();
            now += 1_000 * SECOND;
        }
        let time = throughput.time_for(100).as_secs_f64();
        assert!((299.0..301.0).contains(&time), "{time}");
    }

    #[test]
    fn each_engine_has_its_own_throughput_and_all_share_the_work() {
        let mut engines = Throughput::from_times(&[(100, SECOND)]);
        assert_eq!(engines.time_for(100), SECOND);
        let [fast, slow] = ["cuda:0", "cuda:1"].map(EngineName::new);
        for engine in [&fast, &slow] {
            engines.begin(engine, Duration::ZERO);
        }
        for step in 1..=1_000 {
            engines.step(&fast, 1.0, step * SECOND);
            engines.step(&slow, 1.0, step * 3 * SECOND);
        }
        let time = engines.time_for(100).as_secs_f64();
        assert!((195.0..205.0).contains(&time), "{time}");
        let together = engines.time_for_all(100, 2).as_secs_f64();
        assert!((97.0..103.0).contains(&together), "{together}");
        engines.reset_clock();
        engines.step(&fast, 1.0, Duration::from_hours(5));
        assert!((195.0..205.0).contains(&engines.time_for(100).as_secs_f64()));
    }

    #[test]
    fn a_device_that_is_far_slower_is_soon_measured_as_such() {
        let mut throughput = EngineThroughput::from_times(&[(SMALL, SECOND / 100)]);
        let mut now = Duration::ZERO;
        throughput.begin(now);
        for _ in 0..42 {
            now += 2 * SECOND / 21;
            throughput.step(f64::from(64 * 64), now);
        }
        let time = throughput.time_for(SMALL).as_secs_f64();
        assert!((1.2..2.1).contains(&time), "{time}");
    }

    #[test]
    fn a_machine_that_slept_between_two_steps_is_as_fast_as_before() {
        for slept in [SECOND * 50, Duration::from_mins(9), Duration::from_hours(8)] {
            let mut throughput = EngineThroughput::from_times(&[(SMALL, SECOND)]);
            let mut now = Duration::ZERO;
            throughput.begin(now);
            for step in 0..42 {
                now += SECOND / 21;
                now += if step == 21 { slept } else { Duration::ZERO };
                throughput.step(f64::from(64 * 64), now);
            }
            let time = throughput.time_for(SMALL).as_secs_f64();
            assert!((0.99..1.01).contains(&time), "{slept:?}: {time}");
        }
    }
}
