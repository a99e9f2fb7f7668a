//! What an engine thread and the rest of the program know of each other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use facegen_core::EngineState;
use tokio::sync::watch;

use crate::watchdog::Watchdog;

/// The state of one engine, shared by its thread and its handle.
#[derive(Debug)]
pub(crate) struct Status {
    ready: AtomicBool,
    gone: AtomicBool,
    hung: watch::Sender<bool>,
    ended: watch::Sender<bool>,
    pub(crate) watchdog: Watchdog,
}

impl Default for Status {
    /// An engine whose backend is not loaded yet.
    fn default() -> Self {
        Self {
            ready: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            hung: watch::Sender::new(false),
            ended: watch::Sender::new(false),
            watchdog: Watchdog::default(),
        }
    }
}

impl Status {
    /// Notes whether a backend is loaded.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Notes that no backend will be loaded any more.
    pub(crate) fn set_gone(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// Notes that the thread is at its end.
    pub(crate) fn set_ended(&self) {
        self.ended.send_replace(true);
    }

    /// Gives the engine up if it has been at one call for longer than
    /// `patience`. True when that happens, once.
    pub(crate) fn give_up_after(&self, patience: Duration) -> bool {
        let gives_up = !self.state().is_final() && self.watchdog.busy_for() > patience;
        if gives_up {
            self.hung.send_replace(true);
        }
        gives_up
    }

    /// Tells when the engine is given up.
    pub(crate) fn hung(&self) -> watch::Receiver<bool> {
        self.hung.subscribe()
    }

    /// Tells when the thread has ended.
    pub(crate) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    pub(crate) fn state(&self) -> EngineState {
        if *self.hung.borrow() {
            EngineState::Hung
        } else if *self.ended.borrow() || self.gone.load(Ordering::Acquire) {
            EngineState::Gone
        } else if self.ready.load(Ordering::Acquire) {
            EngineState::Ready
        } else {
            EngineState::Rebuilding
        }
    }
}
