//! A server that counts what it is told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::{Control, UpdateRefused};

/// Counts what it is told to do, and has as many networks as it is given.
#[derive(Debug, Default)]
pub struct FakeServer {
    restarts: AtomicUsize,
    updates: AtomicUsize,
    models: AtomicUsize,
    refuses: AtomicBool,
}

impl FakeServer {
    /// How often it was told to restart and to update.
    #[must_use]
    pub fn told(&self) -> (usize, usize) {
        let count = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (count(&self.restarts), count(&self.updates))
    }

    /// Has so many networks loaded from now on.
    pub fn load(&self, models: usize) {
        self.models.store(models, Ordering::SeqCst);
    }

    /// Refuses to update from now on.
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
