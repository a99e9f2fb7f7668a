use std::collections::BTreeMap;
use std::time::Duration;

use facegen_core::{GeneratedPicture, GenerationOutput, GenerationTimings, Slot, SlotEvent};
use facegen_vision::SafetyAction;

use super::safety::Checked;
use crate::pipeline::SampleId;

/// One picture of a request that the pipeline denoises.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) id: SampleId,
    pub(super) slot: Slot,
    /// Position among the pictures of its request.
    index: usize,
    /// What happens to an unsafe picture; none is looked for without it.
    pub(super) safety_action: Option<SafetyAction>,
}

/// A request whose samples have joined the pipeline.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) samples: Vec<SampleId>,
    pub(super) seed: u32,
    /// Steps of each sample.
    pub(super) steps: usize,
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
        let (mut pictures, mut warnings) = (Vec::new(), self.warnings);
        for (checked, index) in self.pictures.into_iter().flatten().zip(0_u32..) {
            if checked.verdict.as_ref().is_some_and(|said| said.flagged) {
                let number = index + 1;
                warnings.push(format!(
                    "picture {number} was found unsafe and is not shown"
                ));
            }
            pictures.push(GeneratedPicture {
                pixels: checked.picture,
                seed: self.seed.wrapping_add(index),
                safety: checked.verdict,
            });
        }
        GenerationOutput {
            pictures,
            warnings,
            timings: self.timings,
        }
    }
}

/// The admitted requests, and their samples in the order of admission.
#[derive(Debug, Default)]
pub(super) struct Requests {
    next: u64,
    requests: BTreeMap<Slot, Progress>,
    samples: Vec<Sample>,
}

impl Requests {
    pub(super) fn active(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn insert(&mut self, admitted: Admitted) -> Slot {
        let slot = Slot::new(self.next);
        self.next += 1;
        let count = admitted.samples.len();
        let samples = admitted.samples.into_iter().enumerate();
        self.samples.extend(samples.map(|(index, id)| Sample {
            id,
            slot,
            index,
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

    /// Chooses the oldest sample, and behind it those that can share its step.
    pub(super) fn next_batch(
        &self,
        limit: usize,
        can_share_step: impl Fn(SampleId, SampleId) -> bool,
    ) -> Vec<Sample> {
        let Some(first) = self.samples.first() else {
            return Vec::new();
        };
        let fits = |sample: &&Sample| sample.id == first.id || can_share_step(first.id, sample.id);
        let batch = self.samples.iter().filter(fits).take(limit);
        batch.copied().collect()
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

    /// Keeps the picture of a sample, which is done then; the last picture of a
    /// request ends it.
    pub(super) fn add_picture(
        &mut self,
        sample: Sample,
        checked: Checked,
        [decoding, safety_checking]: [Duration; 2],
    ) -> Option<SlotEvent> {
        self.samples.retain(|other| other.id != sample.id);
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

    /// Forgets a request, if there is one; its samples have to leave the
    /// pipeline.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<Vec<SampleId>> {
        self.requests.remove(&slot)?;
        let of_slot = |sample: &mut Sample| sample.slot == slot;
        let removed = self.samples.extract_if(.., of_slot);
        Some(removed.map(|sample| sample.id).collect())
    }
}
