//! Decoded photos of the jobs that come next, so that they need not be
//! decoded twice. The row stays the truth: whatever is missing here is read
//! from there.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use facegen_core::{FilePrefix, Photo};

/// How many photos are kept.
const KEPT: usize = 4;

/// The pixels that are kept at most, in bytes, all photos together.
const KEPT_BYTES: usize = 64 << 20;

/// A few decoded photos in memory.
#[derive(Default)]
pub(crate) struct PhotoCache(Mutex<HashMap<FilePrefix, Photo>>);

impl PhotoCache {
    /// Keeps the photo of this job if there is room. The oldest ones are
    /// the ones that are needed first, so none gives way.
    pub(crate) fn keep(&self, job: FilePrefix, photo: Photo) {
        let mut kept = self.lock();
        let length = |photo: &Photo| photo.image.pixels().len();
        let bytes: usize = kept.values().map(length).sum();
        if kept.len() < KEPT && bytes + length(&photo) <= KEPT_BYTES {
            kept.insert(job, photo);
        }
    }

    /// Takes the photo of this job out.
    pub(crate) fn take(&self, job: &FilePrefix) -> Option<Photo> {
        self.lock().remove(job)
    }

    /// Drops the photo of this job, if it is here.
    pub(crate) fn forget(&self, job: &FilePrefix) {
        let _ = self.take(job);
    }

    /// Drops all photos.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FilePrefix, Photo>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
