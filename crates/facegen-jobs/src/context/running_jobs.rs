//! The jobs in flight in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use facegen_core::job::JobId;
use facegen_core::store::Fence;

/// The jobs that this process works on. Clones are the same list.
#[derive(Clone, Default)]
pub(crate) struct RunningJobs(Arc<Mutex<HashMap<JobId, Entry>>>);

struct Entry {
    attempt: u32,
    cost: u64,
    /// How many denoising steps are done, of how many.
    steps: (usize, usize),
    /// Whether its photo is still to be fetched.
    fetching: bool,
    cancelled: CancellationToken,
}

impl RunningJobs {
    /// Adds a job for as long as the result lives. Its photo may have to be
    /// fetched.
    pub(crate) fn enter(&self, fence: Fence, cost: u64, fetching: bool) -> RunningJob {
        let cancelled = CancellationToken::new();
        let entry = Entry {
            attempt: fence.attempt,
            cost,
            steps: (0, 1),
            fetching,
            cancelled: cancelled.clone(),
        };
        self.lock().insert(fence.id, entry);
        RunningJob {
            list: self.clone(),
            fence,
            cancelled,
        }
    }

    /// Stops the work on this job, if it is running here.
    pub(crate) fn cancel(&self, id: JobId) {
        if let Some(entry) = self.lock().get(&id) {
            entry.cancelled.cancel();
        }
    }

    /// Returns how many denoising steps of this job are done, of how many, if
    /// it is running here.
    pub(crate) fn steps(&self, id: JobId) -> Option<(usize, usize)> {
        self.lock().get(&id).map(|entry| entry.steps)
    }

    /// Returns the fences of all running attempts.
    pub(crate) fn fences(&self) -> Vec<Fence> {
        let list = self.lock();
        let fences = list.iter().map(|(id, entry)| Fence {
            id: *id,
            attempt: entry.attempt,
        });
        fences.collect()
    }

    /// Returns how many of them still wait for their photos.
    pub(crate) fn fetching(&self) -> usize {
        let list = self.lock();
        list.values().filter(|entry| entry.fetching).count()
    }

    /// Returns how much is left of a job of this cost.
    pub(crate) fn work_left(&self, id: JobId, cost: u64) -> u64 {
        self.lock().get(&id).map_or(cost, Entry::work_left)
    }

    /// Returns how much is left of the job that is nearest to its end; zero
    /// when none is running.
    pub(crate) fn least_work_left(&self) -> u64 {
        let list = self.lock();
        list.values().map(Entry::work_left).min().unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn work_left(&self) -> u64 {
        work_left(self.cost, self.steps)
    }
}

/// Returns how much is left of a job of this cost after `done` of so many steps.
pub(crate) fn work_left(cost: u64, (done, steps): (usize, usize)) -> u64 {
    let (done, steps) = (done as u64, steps.max(1) as u64);
    cost / steps * steps.saturating_sub(done)
}

/// A job that counts as running until this is dropped.
pub(crate) struct RunningJob {
    list: RunningJobs,
    fence: Fence,
    cancelled: CancellationToken,
}

impl RunningJob {
    /// Records that so many denoising steps are done.
    pub(crate) fn progress(&self, step: usize, steps: usize) {
        self.change(|entry| entry.steps = (step, steps));
    }

    /// Records the cost of the job, which was not known before.
    pub(crate) fn costs(&self, cost: u64) {
        self.change(|entry| entry.cost = cost);
    }

    /// Records that the photo is there, or will never be.
    pub(crate) fn fetched(&self) {
        self.change(|entry| entry.fetching = false);
    }

    fn change(&self, change: impl FnOnce(&mut Entry)) {
        let mut list = self.list.lock();
        let entry = list.get_mut(&self.fence.id);
        if let Some(entry) = entry.filter(|entry| entry.attempt == self.fence.attempt) {
            change(entry);
        }
    }

    /// Returns when the job is cancelled.
    pub(crate) async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }
}

impl Drop for RunningJob {
    fn drop(&mut self) {
        let mut list = self.list.lock();
        // A later attempt at the same job may have replaced this one.
        let own = list.get(&self.fence.id);
        if own.is_some_and(|entry| entry.attempt == self.fence.attempt) {
            list.remove(&self.fence.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(attempt: u32) -> Fence {
        let id = JobId::new(1).unwrap();
        Fence { id, attempt }
    }

    #[test]
    fn the_work_left_shrinks_with_the_steps() {
        let list = RunningJobs::default();
        let id = fence(1).id;
        assert_eq!((list.work_left(id, 42), list.least_work_left()), (42, 0));
        let running = list.enter(fence(1), 42, false);
        assert_eq!((list.work_left(id, 42), list.least_work_left()), (42, 42));
        running.progress(20, 21);
        assert_eq!((list.work_left(id, 42), list.least_work_left()), (2, 2));
        running.progress(21, 21);
        assert_eq!(list.work_left(id, 42), 0);
        drop(running);
        assert_eq!(list.work_left(id, 42), 42);
    }

    #[tokio::test]
    async fn a_late_attempt_leaves_its_successor_alone() {
        let list = RunningJobs::default();
        let late = list.enter(fence(1), 1, true);
        let current = list.enter(fence(2), 1, true);
        late.progress(1, 1);
        late.fetched();
        assert_eq!(list.fetching(), 1);
        current.fetched();
        assert_eq!(list.fetching(), 0);
        assert_eq!(list.work_left(fence(2).id, 1), 1);
        drop(late);
        assert_eq!(list.fences(), [fence(2)]);
        list.cancel(fence(2).id);
        current.cancelled().await;
        drop(current);
        assert_eq!(list.fences(), []);
    }
}
