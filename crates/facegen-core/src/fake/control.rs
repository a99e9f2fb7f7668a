//! A fake of the port that restarts and updates the server.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::{Control, UpdateRefused};

/// Counts calls, and reports a given number of networks.
#[derive(Debug, Default)]
pub struct FakeServer {
    restarts: AtomicUsize,
    updates: AtomicUsize,
    models: AtomicUsize,
    refuses: AtomicBool,
}

impl FakeServer {
    /// Returns the numbers of restarts and updates.
    #[must_use]
    pub fn calls(&self) -> (usize, usize) {
        let count = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (count(&self.restarts), count(&self.updates))
    }

    /// Sets the number of loaded networks.
    pub fn load(&self, models: usize) {
        self.models.store(models, Ordering::SeqCst);
    }

    /// Refuses updates from now on.
    pub fn refuse(&self) {
        self.refuses.store(true, Ordering::SeqCst);
    }
}

impl Control for FakeServer {
    fn restart(&self) {
        self.restarts.fetch_add(1, Ordering::SeqCst);
    }

    fn update(&self) -> Result<(), UpdateRefused> {
        self.updates.fetch_add(1, Ordering::SeqCst);
        if self.refuses.load(Ordering::SeqCst) {
            Err(UpdateRefused)
        } else {
            Ok(())
        }
    }

    fn model_count(&self) -> usize {
        self.models.load(Ordering::SeqCst)
    }
}
