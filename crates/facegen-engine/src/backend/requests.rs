use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use facegen_core::{BackendError, GenerationOutput, GenerationTimings, Slot, SlotEvent};
use facegen_vision::SafetyAction;

use super::safety::Checked;
use crate::sd15::denoise::DenoiseState;
use crate::load::BaseModel;

/// One picture of a request on its way.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) slot: Slot,
    /// Position among the pictures of its request.
    pub(super) index: usize,
    /// What it is made with.
    pub(super) base: BaseModel,
    pub(super) state: DenoiseState,
    /// What happens to an unsafe picture; nobody looks when there is nothing.
    pub(super) safety_action: Option<SafetyAction>,
}

impl Sample {
    /// Whether both can share a call of the UNet.
    fn fits(&self, other: &Self) -> bool {
        self.base.shares_unet(&other.base) && self.state.fits(&other.state)
    }
}

/// A request that is ready to be denoised.
#[derive(Debug)]
pub(super) struct Admitted {
    /// What the pictures are made with.
    pub(super) base: BaseModel,
    pub(super) seed: u32,
    /// Steps of each sample.
    pub(super) steps: usize,
    pub(super) states: Vec<DenoiseState>,
    pub(super) safety_action: Option<SafetyAction>,
    pub(super) warnings: Vec<String>,
    pub(super) timings: GenerationTimings,
}

/// What is known of a request while its samples are denoised.
#[derive(Debug)]
struct Progress {
    seed: u32,
    steps_done: usize,
    steps: usize,
    pictures: Vec<Option<Checked>>,
    warnings: Vec<String>,
    timings: GenerationTimings,
}

impl Progress {
    /// The result of a request whose pictures are all there.
    fn into_output(self) -> GenerationOutput {
        let (mut pictures, mut verdicts, mut warnings) = (Vec::new(), Vec::new(), self.warnings);
        for (number, checked) in self.pictures.into_iter().flatten().enumerate() {
            pictures.push(checked.picture);
            if checked.verdict.as_ref().is_some_and(|said| said.flagged) {
                let number = number + 1;
                warnings.push(format!(
                    "picture {number} was found unsafe and is not shown"
                ));
            }
            verdicts.extend(checked.verdict);
        }
        GenerationOutput {
            pictures,
            seed: self.seed,
            verdicts,
            warnings,
            timings: self.timings,
        }
    }
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
        self.samples.extend(states.map(|(index, state)| Sample {
            slot,
            index,
            base: admitted.base.clone(),
            state,
            safety_action: admitted.safety_action,
        }));
        let progress = Progress {
            seed: admitted.seed,
            steps_done: 0,
            steps: admitted.steps * count,
            pictures: (0..count).map(|_| None).collect(),
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
            let fits = batch.first().is_some_and(|first| first.fits(&sample));
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
        checked: Checked,
        [decoding, safety_checking]: [Duration; 2],
    ) -> Option<SlotEvent> {
        let request = self.requests.get_mut(&sample.slot)?;
        request.timings.decoding += decoding;
        request.timings.safety_checking += safety_checking;
        request.pictures[sample.index] = Some(checked);
        if request.pictures.iter().any(Option::is_none) {
            return None;
        }
        let request = self.requests.remove(&sample.slot)?;
        Some(SlotEvent::Finished {
            slot: sample.slot,
            output: request.into_output(),
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
