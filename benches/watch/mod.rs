//! The most memory that a process has meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// The time between two samples.
const INTERVAL: Duration = Duration::from_millis(2);

/// Samples an amount of memory until it is dropped.
pub(crate) struct Watch {
    now: fn() -> u64,
    stopped: Arc<AtomicBool>,
    most: Arc<AtomicU64>,
}

impl Watch {
    /// Samples the bytes that `now` returns.
    pub(crate) fn start(now: fn() -> u64) -> Self {
        let watch = Self {
            now,
            stopped: Arc::default(),
            most: Arc::default(),
        };
        let (stopped, most) = (Arc::clone(&watch.stopped), Arc::clone(&watch.most));
        thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                most.fetch_max(now(), Ordering::Relaxed);
                thread::sleep(INTERVAL);
            }
        });
        watch
    }

    /// Returns the most bytes since the last call.
    pub(crate) fn take(&self) -> u64 {
        self.most.swap(0, Ordering::Relaxed).max((self.now)())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}
