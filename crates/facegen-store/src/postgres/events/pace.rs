//! How often other processes hear of the progress of a job.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use facegen_core::job::JobId;
use facegen_core::store::Event;

/// The shortest time between two messages about one job: a GPU does dozens of
/// steps a second, and no one sees more of them.
const PAUSE: Duration = Duration::from_secs(1);

/// When the progress of each job was last reported.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<HashMap<JobId, Instant>>);

impl Pace {
    /// Returns whether other processes are to hear of this event now.
    pub(super) fn admits(&self, event: Event, now: Instant) -> bool {
        let mut reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Progress { job, .. } => {
                // The end of a job that has left this process may not be seen here.
                reported.retain(|_, last| now.saturating_duration_since(*last) < PAUSE);
                let is_due = !reported.contains_key(&job);
                if is_due {
                    reported.insert(job, now);
                }
                is_due
            }
            Event::JobQueued
            | Event::DeliveryDue(_)
            | Event::JobEnded(_)
            | Event::JobCancelled(_)
            | Event::Ordered
            | Event::Missed => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_progress_of_each_job_is_reported_once_a_second() {
        let (pace, begin) = (Pace::default(), Instant::now());
        let reported = |job, millis| {
            let job = JobId::new(job).unwrap();
            let event = Event::Progress {
                job,
                step: 1,
                steps: 21,
            };
            pace.admits(event, begin + Duration::from_millis(millis))
        };
        let first = (0..3_000).step_by(50).filter(|millis| reported(7, *millis));
        assert_eq!(first.collect::<Vec<_>>(), [0, 1_000, 2_000]);
        assert!(reported(8, 2_999), "another job");
        assert!(pace.admits(Event::JobQueued, begin));
    }
}
