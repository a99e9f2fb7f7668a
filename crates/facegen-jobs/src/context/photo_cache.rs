//! Decoded photographs of the jobs that come next, so that they need not be
//! decoded twice. The row stays the truth: whatever is missing here is read
//! from there.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use facegen_core::{FilePrefix, Photograph};

/// How many photographs are kept.
const KEPT: usize = 4;

/// The pixels that are kept at most, in bytes, all photographs together.
const KEPT_BYTES: usize = 64 << 20;

/// A few decoded photographs in memory.
#[derive(Default)]
pub(crate) struct PhotoCache(Mutex<HashMap<FilePrefix, Photograph>>);

impl PhotoCache {
    /// Keeps the photograph of this job if there is room. The oldest ones are
    /// the ones that are needed first, so none gives way.
    pub(crate) fn keep(&self, job: FilePrefix, photograph: Photograph) {
        let mut kept = self.lock();
        let length = |photograph: &Photograph| photograph.picture.pixels().len();
        let bytes: usize = kept.values().map(length).sum();
        if kept.len() < KEPT && bytes + length(&photograph) <= KEPT_BYTES {
            kept.insert(job, photograph);
        }
    }

    /// Takes the photograph of this job out.
    pub(crate) fn take(&self, job: &FilePrefix) -> Option<Photograph> {
        self.lock().remove(job)
    }

    /// Drops the photograph of this job, if it is here.
    pub(crate) fn forget(&self, job: &FilePrefix) {
        let _ = self.take(job);
    }

    /// Drops all photographs.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FilePrefix, Photograph>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
