//! How far jobs are that other processes work on, as far as they tell.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use facegen_core::job::JobId;
use facegen_core::store::Event;

/// How many jobs are known at once; more than run at any time on the nodes of
/// one database.
const KNOWN: usize = 4096;

/// The denoising steps of jobs that run in other processes.
#[derive(Default)]
pub(crate) struct StepsElsewhere(Mutex<HashMap<JobId, (usize, usize)>>);

impl StepsElsewhere {
    /// Takes in what an event tells.
    pub(crate) fn hear(&self, event: Event) {
        match event {
            Event::Progress { job, step, steps } => {
                let mut known = self.lock();
                // Of some the end was missed.
                if known.len() >= KNOWN {
                    known.clear();
                }
                known.insert(job, (step, steps));
            }
            Event::JobEnded(job) => self.forget(job),
            Event::JobQueued
            | Event::DeliveryDue(_)
            | Event::JobCancelled(_)
            | Event::Ordered
            | Event::Missed => {}
        }
    }

    /// Forgets a job that does not run.
    pub(crate) fn forget(&self, job: JobId) {
        self.lock().remove(&job);
    }

    /// Returns how many denoising steps of this job are done, of how many.
    pub(crate) fn steps(&self, job: JobId) -> Option<(usize, usize)> {
        self.lock().get(&job).copied()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, (usize, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_forgotten() {
        let known = StepsElsewhere::default();
        let job = JobId::new(7).unwrap();
        for step in [1, 2] {
            known.hear(Event::Progress {
                job,
                step,
                steps: 21,
            });
        }
        assert_eq!(known.steps(job), Some((2, 21)));
        known.hear(Event::JobEnded(job));
        assert_eq!(known.steps(job), None);
    }
}
