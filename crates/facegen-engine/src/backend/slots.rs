use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use facegen_core::{BackendError, GenerationOutput, GenerationTimings, Picture, Slot, SlotEvent};

use crate::denoise::DenoiseState;

/// One picture of a request on its way.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) slot: Slot,
    /// Position among the pictures of its request.
    pub(super) index: usize,
    pub(super) state: DenoiseState,
}

/// A request that is ready to be denoised.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) seed: u32,
    /// Steps of each sample.
    pub(super) steps: usize,
    pub(super) states: Vec<DenoiseState>,
    pub(super) warnings: Vec<String>,
    pub(super) timings: GenerationTimings,
}

/// What is known of a request while its samples are denoised.
#[derive(Debug)]
struct Progress {
    seed: u32,
    steps_done: usize,
    steps: usize,
    pictures: Vec<Option<Picture>>,
    warnings: Vec<String>,
    timings: GenerationTimings,
}

/// The admitted requests, and their samples in the order of admission.
#[derive(Debug, Default)]
pub(super) struct Slots {
    next: u64,
    requests: BTreeMap<Slot, Progress>,
    samples: VecDeque<Sample>,
}

impl Slots {
    pub(super) fn active(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn insert(&mut self, admitted: Admitted) -> Slot {
        let slot = Slot::new(self.next);
        self.next += 1;
        let count = admitted.states.len();
        let states = admitted.states.into_iter().enumerate();
        self.samples
            .extend(states.map(|(index, state)| Sample { slot, index, state }));
        let progress = Progress {
            seed: admitted.seed,
            steps_done: 0,
            steps: admitted.steps * count,
            pictures: vec![None; count],
            warnings: admitted.warnings,
            timings: admitted.timings,
        };
        self.requests.insert(slot, progress);
        slot
    }

    /// Takes the oldest sample, and behind it those that can share its call of
    /// the UNet.
    pub(super) fn take_batch(&mut self, limit: usize) -> Vec<Sample> {
        let mut batch: Vec<Sample> = self.samples.pop_front().into_iter().collect();
        let mut waiting = VecDeque::new();
        while let Some(sample) = self.samples.pop_front() {
            let fits = batch
                .first()
                .is_some_and(|first| first.state.fits(&sample.state));
            if fits && batch.len() < limit {
                batch.push(sample);
            } else {
                waiting.push_back(sample);
            }
        }
        self.samples = waiting;
        batch
    }

    /// Returns a sample of a batch to its place: the oldest first.
    pub(super) fn put_back(&mut self, sample: Sample) {
        if !self.requests.contains_key(&sample.slot) {
            // Another sample of the request failed in the same step.
            return;
        }
        let key = |sample: &Sample| (sample.slot, sample.index);
        let position = self
            .samples
            .partition_point(|other| key(other) < key(&sample));
        self.samples.insert(position, sample);
    }

    pub(super) fn progress(&mut self, slot: Slot, elapsed: Duration) -> Option<SlotEvent> {
        let request = self.requests.get_mut(&slot)?;
        request.steps_done += 1;
        request.timings.denoising += elapsed;
        Some(SlotEvent::Progress {
            slot,
            step: request.steps_done,
            steps: request.steps,
        })
    }

    /// Keeps a picture; the last one of a request ends it.
    pub(super) fn add_picture(
        &mut self,
        sample: &Sample,
        picture: Picture,
        elapsed: Duration,
    ) -> Option<SlotEvent> {
        let request = self.requests.get_mut(&sample.slot)?;
        request.timings.decoding += elapsed;
        request.pictures[sample.index] = Some(picture);
        if request.pictures.iter().any(Option::is_none) {
            return None;
        }
        let request = self.requests.remove(&sample.slot)?;
        let output = GenerationOutput {
            pictures: request.pictures.into_iter().flatten().collect(),
            seed: request.seed,
            warnings: request.warnings,
            timings: request.timings,
        };
        Some(SlotEvent::Finished {
            slot: sample.slot,
            output,
        })
    }

    /// Ends a request, unless it has ended already.
    pub(super) fn fail(&mut self, slot: Slot, error: BackendError) -> Option<SlotEvent> {
        self.remove(slot)
            .then_some(SlotEvent::Failed { slot, error })
    }

    /// Forgets a request and its samples; whether there was one.
    pub(super) fn remove(&mut self, slot: Slot) -> bool {
        self.samples.retain(|sample| sample.slot != slot);
        self.requests.remove(&slot).is_some()
    }
}
