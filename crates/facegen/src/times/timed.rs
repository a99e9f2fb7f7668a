//! A backend that measures the images which say how fast it is.

use std::fmt;
use std::time::{Duration, Instant};

use facegen_core::request::ImageSize;
use facegen_core::{
    Backend, BackendError, Capacity, FoundFace, GenerationInput, GenerationSpec, RgbImage, Slot,
    SlotEvent,
};

/// The steps of an image, unless a request says otherwise.
const STEPS: usize = 21;

/// Called with the time from an admission to the pixels.
type Keep = Box<dyn FnMut(Duration) + Send>;

/// A backend that measures single images of the default size, steps and guidance
/// that nothing else interrupts.
pub(super) struct Timed {
    backend: Box<dyn Backend>,
    keep: Keep,
    /// The request that is alone, and when it was admitted.
    alone: Option<(Slot, Instant)>,
}

impl Timed {
    pub(super) fn new(backend: Box<dyn Backend>, keep: Keep) -> Self {
        Self {
            backend,
            keep,
            alone: None,
        }
    }

    /// Measures the request if it is the one that has just finished.
    fn measure(&mut self, event: &SlotEvent) {
        let SlotEvent::Finished { slot, .. } = event else {
            return;
        };
        if let Some((_, begin)) = self.alone.take_if(|alone| alone.0 == *slot) {
            (self.keep)(begin.elapsed());
        }
    }
}

/// Whether this is what people compare: one image of the default size with
/// guidance, which takes two rows a step.
fn is_usual(spec: &GenerationSpec) -> bool {
    spec.samples() == 1
        && spec.size() == ImageSize::default()
        && spec.steps() == STEPS
        && spec.guidance_scale() > 1.0
}

impl fmt::Debug for Timed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Timed")
            .field("alone", &self.alone)
            .finish_non_exhaustive()
    }
}

impl Backend for Timed {
    fn admit(&mut self, input: &GenerationInput) -> Result<Slot, BackendError> {
        let begin = Instant::now();
        let is_alone = self.backend.active() == 0 && is_usual(&input.spec);
        self.alone = None;
        let slot = self.backend.admit(input)?;
        self.alone = is_alone.then_some((slot, begin));
        Ok(slot)
    }

    fn tick(&mut self) -> Vec<SlotEvent> {
        let events = self.backend.tick();
        events.iter().for_each(|event| self.measure(event));
        events
    }

    fn find_faces(&mut self, photo: &RgbImage) -> Result<Vec<FoundFace>, BackendError> {
        self.alone = None;
        self.backend.find_faces(photo)
    }

    fn previews(&self, slot: Slot) -> Vec<RgbImage> {
        self.backend.previews(slot)
    }

    fn cancel(&mut self, slot: Slot) {
        self.backend.cancel(slot);
    }

    fn active(&self) -> usize {
        self.backend.active()
    }

    fn capacity(&self, size: ImageSize) -> Capacity {
        self.backend.capacity(size)
    }

    fn prefers_to_admit(&self) -> bool {
        self.backend.prefers_to_admit()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use facegen_core::RawGenerationRequest;
    use facegen_core::fake::{FakeBackend, FakeControl, requests};

    use super::*;

    /// A timed fake, and how many images it has measured.
    fn timed() -> (Timed, Arc<Mutex<usize>>) {
        let measured = Arc::new(Mutex::new(0));
        let count = Arc::clone(&measured);
        let backend = FakeBackend::new(&FakeControl::new(), 4);
        let keep = move |_| *count.lock().unwrap() += 1;
        (Timed::new(Box::new(backend), Box::new(keep)), measured)
    }

    fn input(change: impl FnOnce(&mut RawGenerationRequest)) -> GenerationInput {
        let mut raw = RawGenerationRequest {
            prompt: "a prompt".into(),
            ..RawGenerationRequest::default()
        };
        change(&mut raw);
        GenerationInput {
            spec: requests::parse(raw).spec,
            face: photo(),
        }
    }

    fn photo() -> RgbImage {
        RgbImage::new(1, 1, vec![0; 3]).unwrap()
    }

    fn finish(backend: &mut Timed) {
        while backend.active() > 0 {
            backend.tick();
        }
    }

    #[test]
    fn only_usual_images_that_are_alone_are_measured() {
        let (mut backend, measured) = timed();
        backend.admit(&input(|_| ())).unwrap();
        finish(&mut backend);
        assert_eq!(*measured.lock().unwrap(), 1);
        let unusual: [fn(&mut RawGenerationRequest); 4] = [
            |raw| raw.width = 256_i64.into(),
            |raw| raw.num_inference_steps = 31_i64.into(),
            |raw| raw.samples = 2_i64.into(),
            |raw| raw.guidance_scale = 1_i64.into(),
        ];
        for change in unusual {
            backend.admit(&input(change)).unwrap();
            finish(&mut backend);
        }
        // Two at once, in either order, and one that is interrupted.
        backend.admit(&input(|_| ())).unwrap();
        backend.admit(&input(|_| ())).unwrap();
        finish(&mut backend);
        backend.admit(&input(|_| ())).unwrap();
        backend.find_faces(&photo()).unwrap();
        finish(&mut backend);
        assert_eq!(*measured.lock().unwrap(), 1);
        // One that was cancelled is not taken for the next.
        let cancelled = backend.admit(&input(|_| ())).unwrap();
        backend.cancel(cancelled);
        backend
            .admit(&input(|raw| raw.width = 256_i64.into()))
            .unwrap();
        finish(&mut backend);
        assert_eq!(*measured.lock().unwrap(), 1);
        backend.admit(&input(|_| ())).unwrap();
        finish(&mut backend);
        assert_eq!(*measured.lock().unwrap(), 2);
    }
}
