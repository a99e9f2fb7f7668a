//! Decoded photos of the next jobs, so that they are not decoded twice. The row
//! stays the source of truth: what is missing here is read from there.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use facegen_core::{FilePrefix, Photo};

/// How many photos are kept.
const KEPT: usize = 4;

/// How many bytes of pixels are kept at most, in all photos together.
const KEPT_BYTES: usize = 64 << 20;

/// A few decoded photos in memory.
#[derive(Default)]
pub(crate) struct PhotoCache(Mutex<HashMap<FilePrefix, Photo>>);

impl PhotoCache {
    /// Keeps the photo of this job if there is room. Nothing is evicted: the
    /// oldest photos are needed first.
    pub(crate) fn keep(&self, job: FilePrefix, photo: Photo) {
        let mut kept = self.lock();
        let length = |photo: &Photo| photo.image.pixels().len();
        let bytes: usize = kept.values().map(length).sum();
        if kept.len() < KEPT && bytes + length(&photo) <= KEPT_BYTES {
            kept.insert(job, photo);
        }
    }

    /// Removes and returns the photo of this job.
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
