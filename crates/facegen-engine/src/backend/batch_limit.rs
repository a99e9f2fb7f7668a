//! The limit on images that share a call of the UNet.

use facegen_core::BackendError;
use facegen_core::request::ImageSize;

use crate::BatchAdvice;

/// The maximum number of images that share a call of the UNet.
#[derive(Debug)]
pub(super) struct BatchLimit {
    images: usize,
    /// How many pixels of images fit into memory, once that is known.
    pixels: Option<usize>,
}

impl Default for BatchLimit {
    /// Defaults to one: a CPU is no faster with more.
    fn default() -> Self {
        Self::new(1)
    }
}

impl BatchLimit {
    /// Allows `images`, but at least one.
    pub(super) fn new(images: usize) -> Self {
        Self {
            images: images.max(1),
            pixels: None,
        }
    }

    /// Allows what a pipeline advises, but at least one image.
    pub(super) fn advised(advice: BatchAdvice) -> Self {
        Self {
            pixels: advice.pixels,
            ..Self::new(advice.images)
        }
    }

    /// Returns how many images of this size share a call.
    pub(super) fn of_size(&self, size: ImageSize) -> usize {
        let room = self.pixels.map(|pixels| pixels / pixels_of(size));
        let images = room.map_or(self.images, |room| self.images.min(room));
        images.max(1)
    }

    /// Halves a batch that was too large for memory; false when that cannot
    /// help. The limit stays: the next batch would fail as well.
    pub(super) fn shrink(&mut self, error: &BackendError, images: usize, size: ImageSize) -> bool {
        if *error != BackendError::OutOfMemory || images < 2 {
            return false;
        }
        let limit = images / 2;
        self.pixels = Some(limit * pixels_of(size));
        tracing::warn!(
            images,
            limit,
            width = size.width(),
            height = size.height(),
            "out of memory, batch size reduced"
        );
        true
    }
}

fn pixels_of(size: ImageSize) -> usize {
    size.width() as usize * size.height() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(side: u32) -> ImageSize {
        ImageSize::try_from((side, side)).unwrap()
    }

    #[test]
    fn a_batch_too_large_for_memory_is_halved_down_to_one() {
        let (mut limit, size) = (BatchLimit::new(5), side(512));
        for smaller in [2, 1] {
            let images = limit.of_size(size);
            assert!(limit.shrink(&BackendError::OutOfMemory, images, size));
            assert_eq!(limit.of_size(size), smaller);
        }
        assert!(!limit.shrink(&BackendError::OutOfMemory, 1, size));
        assert_eq!(limit.of_size(size), 1);
    }

    #[test]
    fn more_small_images_than_large_ones_fit_into_memory() {
        let mut limit = BatchLimit::new(8);
        assert!(limit.shrink(&BackendError::OutOfMemory, 4, side(512)));
        let limits = [512, 256, 128].map(|pixels| limit.of_size(side(pixels)));
        assert_eq!(limits, [2, 8, 8]);
        assert_eq!(limit.of_size(ImageSize::try_from((512, 768)).unwrap()), 1);
    }

    #[test]
    fn what_is_advised_holds_until_memory_runs_out() {
        let mut limit = BatchLimit::advised(BatchAdvice {
            images: 8,
            pixels: Some(6 * 512 * 512),
        });
        let of = |limit: &BatchLimit| [512, 256, 64].map(|pixels| limit.of_size(side(pixels)));
        assert_eq!(of(&limit), [6, 8, 8]);
        assert!(limit.shrink(&BackendError::OutOfMemory, 6, side(512)));
        assert_eq!(of(&limit), [3, 8, 8]);
        let none = BatchAdvice {
            images: 8,
            pixels: Some(0),
        };
        assert_eq!(of(&BatchLimit::advised(none)), [1, 1, 1]);
        assert_eq!(of(&BatchLimit::advised(BatchAdvice::ONE)), [1, 1, 1]);
    }

    #[test]
    fn other_failures_leave_the_limit_alone() {
        let (mut limit, size) = (BatchLimit::new(4), side(64));
        assert!(!limit.shrink(&BackendError::NotFinite, 4, size));
        assert!(!limit.shrink(&BackendError::Failed("x".into()), 4, size));
        assert_eq!(limit.of_size(size), 4);
        assert_eq!(BatchLimit::new(0).of_size(size), 1);
    }
}
