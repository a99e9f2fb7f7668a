//! A backend without a model.
//!
//! [`FakeBackend`] takes the steps of all samples of a request and paints
//! images that depend on the same values as real ones: prompts, size, steps,
//! scales, seed and face. The test keeps a [`FakeControl`]: it decides which
//! requests fail, blocks ticks, and counts events. It outlives the backend, so
//! it can be passed to the next one when an engine rebuilds.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::paint::paint;
use crate::request::ImageSize;
use crate::{
    Backend, BackendError, Capacity, FoundFace, GenerationInput, GenerationSpec, RgbImage, Slot,
    SlotEvent,
};

/// How long a test waits for an expected event.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An injected failure of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// [`Backend::admit`] returns this error.
    Refused(BackendError),
    /// [`Backend::admit`] panics.
    PanicInAdmit,
    /// [`Backend::cancel`] panics.
    PanicInCancel,
    /// [`Backend::previews`] panics.
    PanicInPreviews,
    /// The step with this number, from 1, fails with this error.
    FailsAt(usize, BackendError),
    /// The step with this number, from 1, panics, and with it the whole tick.
    PanicsAt(usize),
    /// The step with this number, from 1, never ends, and with it the whole
    /// tick.
    HangsAt(usize),
}

/// Counts of events, over all backends of one [`FakeControl`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests admitted.
    pub admitted: usize,
    /// Slots cancelled.
    pub cancelled: usize,
    /// Ticks begun, including those that wait at the gate.
    pub ticks: usize,
    /// Steps taken, of all requests together.
    pub steps: usize,
    /// Photos that were searched for faces.
    pub searches: usize,
    /// Calls of [`Backend::previews`].
    pub previews: usize,
}

/// Controls the fake backends of a test. Clones control the same ones.
#[derive(Clone)]
pub struct FakeControl {
    shared: Arc<Shared>,
}

type Faults = dyn Fn(&GenerationSpec) -> Option<Fault> + Send + Sync;

struct Shared {
    faults: Box<Faults>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    counts: Counts,
    /// How many more ticks may pass; `None` while the gate is open.
    permits: Option<usize>,
    /// The capacity that overrides those of the backends.
    capacity: Option<Capacity>,
}

impl FakeControl {
    /// Creates a control without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::with_faults(|_| None)
    }

    /// Creates a control whose requests fail as `faults` returns.
    #[must_use]
    pub fn with_faults(
        faults: impl Fn(&GenerationSpec) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let shared = Shared {
            faults: Box::new(faults),
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Blocks every tick until [`FakeControl::let_pass`] or
    /// [`FakeControl::open`].
    pub fn close(&self) {
        self.lock().permits = Some(0);
    }

    /// Lets this many more ticks through a closed gate.
    pub fn let_pass(&self, ticks: usize) {
        let mut state = self.lock();
        state.permits = Some(state.permits.unwrap_or(0) + ticks);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Lets all ticks through again.
    pub fn open(&self) {
        self.lock().permits = None;
        self.shared.changed.notify_all();
    }

    /// Sets the capacity of all backends.
    pub fn set_capacity(&self, capacity: Capacity) {
        self.lock().capacity = Some(capacity);
    }

    /// Returns the current counts.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Waits until the counts are as `wanted`; returns false after 20 seconds.
    #[must_use]
    pub fn wait_until(&self, wanted: impl Fn(Counts) -> bool) -> bool {
        let state = self.lock();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, TIMEOUT, |state| !wanted(state.counts));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.lock().counts);
        self.shared.changed.notify_all();
    }

    fn pass_gate(&self) {
        let mut state = self
            .shared
            .changed
            .wait_while(self.lock(), |state| state.permits == Some(0))
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(permits) = &mut state.permits {
            *permits -= 1;
        }
    }
}

impl Default for FakeControl {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FakeControl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FakeControl")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// A backend without a model; see the [module](self).
#[derive(Debug)]
pub struct FakeBackend {
    control: FakeControl,
    batch_limit: usize,
    jobs: Vec<FakeJob>,
    admitted: u64,
}

#[derive(Debug)]
struct FakeJob {
    slot: Slot,
    input: GenerationInput,
    fault: Option<Fault>,
    step: usize,
}

impl FakeBackend {
    /// Creates a backend whose ticks advance up to `batch_limit` requests, the
    /// oldest first.
    #[must_use]
    pub fn new(control: &FakeControl, batch_limit: usize) -> Self {
        Self {
            control: control.clone(),
            batch_limit,
            jobs: Vec::new(),
            admitted: 0,
        }
    }
}

impl Backend for FakeBackend {
    #[expect(clippy::panic, reason = "tests want to see a backend that panics")]
    fn admit(&mut self, input: &GenerationInput) -> Result<Slot, BackendError> {
        let fault = (self.control.shared.faults)(&input.spec);
        match &fault {
            Some(Fault::Refused(error)) => return Err(error.clone()),
            Some(Fault::PanicInAdmit) => panic!("the fake backend panics in admit"),
            Some(
                Fault::PanicInCancel
                | Fault::PanicInPreviews
                | Fault::FailsAt(..)
                | Fault::PanicsAt(_)
                | Fault::HangsAt(_),
            )
            | None => {}
        }
        let slot = Slot::new(self.admitted);
        self.admitted += 1;
        self.jobs.push(FakeJob {
            slot,
            input: input.clone(),
            fault,
            step: 0,
        });
        self.control.count(|counts| counts.admitted += 1);
        Ok(slot)
    }

    fn tick(&mut self) -> Vec<SlotEvent> {
        self.control.count(|counts| counts.ticks += 1);
        self.control.pass_gate();
        let images = self.capacity(ImageSize::default()).pictures_per_step;
        let batch = self.jobs.iter_mut().take(images);
        let events: Vec<SlotEvent> = batch.flat_map(FakeJob::advance).collect();
        let steps = |event: &&SlotEvent| matches!(event, SlotEvent::Progress { .. });
        let steps = events.iter().filter(steps).count();
        self.control.count(|counts| counts.steps += steps);
        for event in &events {
            if !matches!(event, SlotEvent::Progress { .. }) {
                self.jobs.retain(|job| job.slot != event.slot());
            }
        }
        events
    }

    /// Finds a face in the middle of a photo, unless that begins with black.
    fn find_faces(&mut self, photo: &RgbImage) -> Result<Vec<FoundFace>, BackendError> {
        self.control.count(|counts| counts.searches += 1);
        if photo.pixels().starts_with(&[0; 3]) {
            return Ok(Vec::new());
        }
        let (width, height) = (photo.width() as f32, photo.height() as f32);
        Ok(vec![FoundFace {
            score: 0.9,
            bounding_box: [width * 0.25, height * 0.25, width * 0.75, height * 0.75],
        }])
    }

    /// Returns grey previews, unless the images will be checked.
    #[expect(clippy::panic, reason = "tests want to see a backend that panics")]
    fn previews(&self, slot: Slot) -> Vec<RgbImage> {
        self.control.count(|counts| counts.previews += 1);
        let job = self.jobs.iter().find(|job| job.slot == slot);
        match job {
            Some(job) if job.fault == Some(Fault::PanicInPreviews) => {
                panic!("the fake backend panics in previews")
            }
            Some(job) if !job.input.spec.safety().enabled => job.previews(),
            Some(_) | None => Vec::new(),
        }
    }

    #[expect(clippy::panic, reason = "tests want to see a backend that panics")]
    fn cancel(&mut self, slot: Slot) {
        let Some(position) = self.jobs.iter().position(|job| job.slot == slot) else {
            return;
        };
        if self.jobs[position].fault == Some(Fault::PanicInCancel) {
            panic!("the fake backend panics in cancel");
        }
        self.jobs.remove(position);
        self.control.count(|counts| counts.cancelled += 1);
    }

    fn active(&self) -> usize {
        self.jobs.len()
    }

    fn capacity(&self, _size: ImageSize) -> Capacity {
        let reported = self.control.lock().capacity;
        reported.unwrap_or(Capacity::of_images(self.batch_limit))
    }
}

impl FakeJob {
    /// Returns previews whose pixels are the number of steps done.
    fn previews(&self) -> Vec<RgbImage> {
        let spec = &self.input.spec;
        let (width, height) = (spec.width() as usize / 8, spec.height() as usize / 8);
        let step = u8::try_from(self.step).unwrap_or(u8::MAX);
        let image = RgbImage::new(width, height, vec![step; width * height * 3]);
        image.map_or_else(|_| Vec::new(), |image| vec![image; spec.samples()])
    }

    #[expect(clippy::panic, reason = "tests want to see a backend that panics")]
    fn advance(&mut self) -> Vec<SlotEvent> {
        self.step += 1;
        let (slot, step) = (self.slot, self.step);
        let steps = self.input.spec.steps() * self.input.spec.samples();
        match &self.fault {
            Some(Fault::PanicsAt(at)) if *at == step => panic!("the fake backend panics in tick"),
            Some(Fault::HangsAt(at)) if *at == step => loop {
                std::thread::park();
            },
            Some(Fault::FailsAt(at, error)) if *at == step => {
                let error = error.clone();
                return vec![SlotEvent::Failed { slot, error }];
            }
            _ => {}
        }
        let mut events = vec![SlotEvent::Progress { slot, step, steps }];
        if step == steps {
            let output = paint(&self.input);
            events.push(match output {
                Ok(output) => SlotEvent::Finished { slot, output },
                Err(error) => SlotEvent::Failed { slot, error },
            });
        }
        events
    }
}
