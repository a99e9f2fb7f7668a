//! An engine that needs no time.

use std::collections::BTreeMap;
use std::fmt;

use facegen_core::request::ImageSize;
use facegen_core::{
    Backend, BackendError, Capacity, FoundFace, GeneratedImage, GenerationInput, GenerationOutput,
    GenerationTimings, RgbImage, Slot, SlotEvent,
};

/// What is called whenever a request is admitted.
type OnAdmission = Box<dyn Fn() + Send>;

/// A backend that has the same image for every request, at once.
pub struct ReadyImage {
    image: RgbImage,
    admitted: u64,
    inputs: BTreeMap<Slot, GenerationInput>,
    on_admission: OnAdmission,
}

impl ReadyImage {
    /// A backend with this image, which calls `on_admission` for each request.
    #[must_use]
    pub fn new(image: RgbImage, on_admission: impl Fn() + Send + 'static) -> Self {
        Self {
            image,
            admitted: 0,
            inputs: BTreeMap::new(),
            on_admission: Box::new(on_admission),
        }
    }
}

impl fmt::Debug for ReadyImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("ReadyImage");
        shown
            .field("admitted", &self.admitted)
            .finish_non_exhaustive()
    }
}

impl Backend for ReadyImage {
    fn admit(&mut self, input: &GenerationInput) -> Result<Slot, BackendError> {
        (self.on_admission)();
        let slot = Slot::new(self.admitted);
        self.admitted += 1;
        self.inputs.insert(slot, input.clone());
        Ok(slot)
    }

    fn tick(&mut self) -> Vec<SlotEvent> {
        let Some((slot, input)) = self.inputs.pop_first() else {
            return Vec::new();
        };
        let output = GenerationOutput {
            images: vec![GeneratedImage {
                pixels: self.image.clone(),
                seed: input.spec.seed(),
                safety: None,
            }],
            warnings: Vec::new(),
            timings: GenerationTimings::default(),
        };
        vec![SlotEvent::Finished { slot, output }]
    }

    fn find_faces(&mut self, _photo: &RgbImage) -> Result<Vec<FoundFace>, BackendError> {
        Ok(Vec::new())
    }

    fn cancel(&mut self, slot: Slot) {
        self.inputs.remove(&slot);
    }

    fn active(&self) -> usize {
        self.inputs.len()
    }

    fn capacity(&self, _size: ImageSize) -> Capacity {
        Capacity::of_images(1)
    }
}
