use std::collections::BTreeMap;
use std::time::Duration;

use facegen_core::SafetyAction;
use facegen_core::request::ImageSize;
use facegen_core::{GeneratedImage, GenerationOutput, GenerationTimings, Slot, SlotEvent};

use super::safety::Checked;
use super::step_policy::SampleInfo;
use crate::pipeline::SampleId;

/// One image of a request that the pipeline denoises.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) id: SampleId,
    pub(super) slot: Slot,
    /// Position among the images of its request.
    index: usize,
    pub(super) size: ImageSize,
    /// The backend's number of steps when this one joined or took its last one.
    moved_at: usize,
    /// Whether its decode has begun.
    decoding: bool,
    /// The action for an unsafe image; without it, images are not checked.
    pub(super) safety_action: Option<SafetyAction>,
}

/// A request whose samples have joined the pipeline.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) samples: Vec<SampleId>,
    pub(super) size: ImageSize,
    pub(super) seed: u32,
    /// Steps of each sample.
    pub(super) steps: usize,
    pub(super) safety_action: Option<SafetyAction>,
    pub(super) warnings: Vec<String>,
    pub(super) timings: GenerationTimings,
}

/// The state of a request while its samples are denoised.
#[derive(Debug)]
struct Progress {
    seed: u32,
    steps_done: usize,
    steps: usize,
    images: Vec<Option<Checked>>,
    warnings: Vec<String>,
    timings: GenerationTimings,
}

impl Progress {
    /// Builds the result of a request whose images are all done.
    fn into_output(self) -> GenerationOutput {
        let (mut images, mut warnings) = (Vec::new(), self.warnings);
        for (checked, index) in self.images.into_iter().flatten().zip(0_u32..) {
            if checked.verdict.as_ref().is_some_and(|said| said.flagged) {
                let number = index + 1;
                warnings.push(format!("image {number} was found unsafe and is not shown"));
            }
            images.push(GeneratedImage {
                pixels: checked.image,
                seed: self.seed.wrapping_add(index),
                safety: checked.verdict,
            });
        }
        GenerationOutput {
            images,
            warnings,
            timings: self.timings,
        }
    }
}

/// The admitted requests, and their samples in the order of admission.
#[derive(Debug, Default)]
pub(super) struct Requests {
    next: u64,
    /// Number of steps so far, each for one sample or more.
    steps: usize,
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
            size: admitted.size,
            moved_at: self.steps,
            decoding: false,
            safety_action: admitted.safety_action,
        }));
        let progress = Progress {
            seed: admitted.seed,
            steps_done: 0,
            steps: admitted.steps * count,
            images: (0..count).map(|_| None).collect(),
            warnings: admitted.warnings,
            timings: admitted.timings,
        };
        self.requests.insert(slot, progress);
        slot
    }

    /// Describes the samples for a policy, in the order of their admission.
    pub(super) fn infos(&self, steps_left: impl Fn(SampleId) -> usize) -> Vec<SampleInfo> {
        let info = |sample: &Sample| SampleInfo {
            id: sample.id,
            size: sample.size,
            steps_left: steps_left(sample.id),
            waited: self.steps - sample.moved_at,
            decoding: sample.decoding,
        };
        self.samples.iter().map(info).collect()
    }

    /// Returns the samples with these ids.
    pub(super) fn samples(&self, ids: &[SampleId]) -> Vec<Sample> {
        let chosen = |id: &SampleId| self.samples.iter().find(|sample| sample.id == *id);
        ids.iter().filter_map(chosen).copied().collect()
    }

    /// Returns the samples of a request that are not decoded yet.
    pub(super) fn samples_of(&self, slot: Slot) -> impl Iterator<Item = &Sample> {
        self.samples
            .iter()
            .filter(move |sample| sample.slot == slot)
    }

    /// Records that these samples have taken a step together.
    pub(super) fn stepped(&mut self, batch: &[Sample]) {
        self.steps += 1;
        for sample in &mut self.samples {
            if batch.iter().any(|moved| moved.id == sample.id) {
                sample.moved_at = self.steps;
            }
        }
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

    /// Records that a stage of a sample's decode has run.
    pub(super) fn decoded(&mut self, sample: &Sample, elapsed: Duration) {
        let own = self.samples.iter_mut().find(|other| other.id == sample.id);
        if let Some(own) = own {
            own.decoding = true;
        }
        if let Some(request) = self.requests.get_mut(&sample.slot) {
            request.timings.decoding += elapsed;
        }
    }

    /// Stores the image of a sample, which is then done; the last image of a
    /// request ends it.
    pub(super) fn add_image(
        &mut self,
        sample: Sample,
        checked: Checked,
        safety_checking: Duration,
    ) -> Option<SlotEvent> {
        self.samples.retain(|other| other.id != sample.id);
        let request = self.requests.get_mut(&sample.slot)?;
        request.timings.safety_checking += safety_checking;
        request.images[sample.index] = Some(checked);
        if request.images.iter().any(Option::is_none) {
            return None;
        }
        let request = self.requests.remove(&sample.slot)?;
        Some(SlotEvent::Finished {
            slot: sample.slot,
            output: request.into_output(),
        })
    }

    /// Removes a request, if there is one; the caller removes its samples from
    /// the pipeline.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<Vec<SampleId>> {
        self.requests.remove(&slot)?;
        let of_slot = |sample: &mut Sample| sample.slot == slot;
        let removed = self.samples.extract_if(.., of_slot);
        Some(removed.map(|sample| sample.id).collect())
    }
}
