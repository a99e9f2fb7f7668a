//! The state that an engine thread and its handle share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use facegen_core::{Capacity, EngineHealth, EngineState};
use tokio::sync::watch;

use crate::watchdog::Watchdog;

/// How many searches for faces may wait for an engine: each holds a photo in
/// memory, at most 120 MB for one of 40 megapixels.
const SEARCHES: usize = 4;

/// The state of one engine, shared by its thread and its handle.
#[derive(Debug)]
pub(crate) struct Status {
    ready: AtomicBool,
    gone: AtomicBool,
    hung: watch::Sender<bool>,
    ended: watch::Sender<bool>,
    capacity: Mutex<Capacity>,
    /// How many requests were submitted and have not ended.
    unfinished: AtomicUsize,
    /// How many searches for faces wait or run.
    searches: AtomicUsize,
    pub(crate) watchdog: Watchdog,
}

impl Default for Status {
    /// Returns the state of an engine whose backend is not loaded yet.
    fn default() -> Self {
        Self {
            ready: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            hung: watch::Sender::new(false),
            ended: watch::Sender::new(false),
            capacity: Mutex::new(Capacity::of_images(1)),
            unfinished: AtomicUsize::new(0),
            searches: AtomicUsize::new(0),
            watchdog: Watchdog::default(),
        }
    }
}

impl Status {
    /// Records whether a backend is loaded.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Records that no backend will be loaded any more.
    pub(crate) fn set_gone(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// Records that the thread has ended.
    pub(crate) fn set_ended(&self) {
        self.ended.send_replace(true);
    }

    /// Abandons the engine if it has been in one call for longer than
    /// `patience`. Returns true when that happens, once.
    pub(crate) fn give_up_after(&self, patience: Duration) -> bool {
        let gives_up = !self.state().is_final() && self.watchdog.busy_for() > patience;
        if gives_up {
            self.hung.send_replace(true);
        }
        gives_up
    }

    /// Returns a channel that is set when the engine is abandoned.
    pub(crate) fn hung(&self) -> watch::Receiver<bool> {
        self.hung.subscribe()
    }

    /// Returns a channel that is set when the thread has ended.
    pub(crate) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    /// Records how much the backend can do at once.
    pub(crate) fn set_capacity(&self, capacity: Capacity) {
        *self.capacity.lock().unwrap_or_else(PoisonError::into_inner) = capacity;
    }

    pub(crate) fn capacity(&self) -> Capacity {
        *self.capacity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many more requests the engine takes.
    pub(crate) fn free_capacity(&self) -> usize {
        self.limit()
            .saturating_sub(self.unfinished.load(Ordering::Acquire))
    }

    /// Acquires a permit for an unfinished request, if there is any: as many as
    /// the backend can hold, and those that may wait.
    pub(crate) fn acquire(self: &Arc<Self>) -> Option<RequestPermit> {
        let limit = self.limit();
        let taken =
            self.unfinished
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |unfinished| {
                    (unfinished < limit).then_some(unfinished + 1)
                });
        taken.is_ok().then(|| RequestPermit(Arc::clone(self)))
    }

    /// Acquires a permit for a search for faces, if there is any.
    pub(crate) fn acquire_search(self: &Arc<Self>) -> Option<SearchPermit> {
        let taken = self
            .searches
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |searches| {
                (searches < SEARCHES).then_some(searches + 1)
            });
        taken.is_ok().then(|| SearchPermit(Arc::clone(self)))
    }

    fn limit(&self) -> usize {
        self.capacity().requests + EngineHealth::AHEAD
    }

    pub(crate) fn state(&self) -> EngineState {
        if *self.hung.borrow() {
            EngineState::Hung
        } else if *self.ended.borrow() || self.gone.load(Ordering::Acquire) {
            EngineState::Gone
        } else if self.ready.load(Ordering::Acquire) {
            EngineState::Ready
        } else {
            EngineState::Loading
        }
    }
}

/// The permit of an unfinished request, released when it is dropped.
#[derive(Debug)]
pub(crate) struct RequestPermit(Arc<Status>);

impl Drop for RequestPermit {
    fn drop(&mut self) {
        self.0.unfinished.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The permit of a search for faces, released when it is dropped.
#[derive(Debug)]
pub(crate) struct SearchPermit(Arc<Status>);

impl Drop for SearchPermit {
    fn drop(&mut self) {
        self.0.searches.fetch_sub(1, Ordering::AcqRel);
    }
}
