//! The backend of an engine that has none.

use facegen_core::request::ImageSize;
use facegen_core::{
    Backend, BackendError, Capacity, FoundFace, GenerationInput, RgbImage, Slot, SlotEvent,
};

/// Replaces a backend that broke and could not be loaded again.
pub(crate) struct StoppedBackend;

impl Backend for StoppedBackend {
    fn admit(&mut self, _input: &GenerationInput) -> Result<Slot, BackendError> {
        Err(BackendError::EngineStopped)
    }

    fn tick(&mut self) -> Vec<SlotEvent> {
        Vec::new()
    }

    fn find_faces(&mut self, _photo: &RgbImage) -> Result<Vec<FoundFace>, BackendError> {
        Err(BackendError::EngineStopped)
    }

    fn cancel(&mut self, _slot: Slot) {}

    fn active(&self) -> usize {
        0
    }

    fn capacity(&self, _size: ImageSize) -> Capacity {
        Capacity::of_images(1)
    }
}
