//! A value that can be replaced while it is used.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use crate::redact::{FaceImage, SafeUrl};
use crate::{FaceError, FaceReader, Photo};

/// A value that can be replaced while it is used. Clones share the value.
///
/// A caller that needs two consistent parts of it must get it only once.
#[derive(Debug, Default)]
pub struct Current<T>(Arc<RwLock<Arc<T>>>);

impl<T> Current<T> {
    /// Creates one that holds `value`.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(value))))
    }

    /// Returns the current value, which stays valid after a replacement.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the value for all later calls of [`Current::get`].
    pub fn set(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

impl<T> Clone for Current<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Reads with the reader that is current when the call begins.
#[async_trait]
impl<T: FaceReader> FaceReader for Current<T> {
    async fn fetch(&self, url: &SafeUrl) -> Result<FaceImage, FaceError> {
        self.get().fetch(url).await
    }

    fn decode(&self, image: &FaceImage) -> Result<Photo, FaceError> {
        self.get().decode(image)
    }

    fn decode_stored(&self, image: &FaceImage) -> Result<Photo, FaceError> {
        self.get().decode_stored(image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_see_the_new_value_and_a_value_that_was_read_stays() {
        let current = Current::new(1);
        let clone = current.clone();
        let old = clone.get();
        current.set(2);
        assert_eq!((*old, *clone.get()), (1, 2));
    }
}
