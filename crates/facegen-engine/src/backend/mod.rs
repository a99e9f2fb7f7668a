//! The engine's side of the port: requests in, steps, images out.

mod batch_limit;
mod failure;
mod requests;
mod safety;
mod step_policy;
#[cfg(test)]
mod tests;

use std::time::Instant;

use batch_limit::BatchLimit;
use facegen_core::Preset;
use facegen_core::request::ImageSize;
use facegen_core::{Backend, BackendError, Capacity, FoundFace, GenerationInput, Slot, SlotEvent};
use facegen_image::RgbImage;
use requests::{Admitted, Requests, Sample};

use crate::pipeline::{Pipeline, SampleId};
use crate::sd15::StableDiffusionPipeline;
use crate::{EngineError, LoadOptions, Models};
pub use safety::SafetyStage;
pub use step_policy::{FirstInFirstOut, SampleInfo, SinceStep, StepPolicy, Unit, Work};

/// The backend of Stable Diffusion 1.5.
pub type CandleBackend = PipelineBackend<StableDiffusionPipeline>;

/// Generates images with a pipeline: runs the units of work that a policy
/// chooses, and decides which images may leave the engine.
#[derive(Debug)]
pub struct PipelineBackend<P> {
    pipeline: P,
    safety: SafetyStage,
    batch_limit: BatchLimit,
    policy: Box<dyn StepPolicy>,
    /// The units of work since the last step.
    since_step: SinceStep,
    requests: Requests,
}

impl CandleBackend {
    /// Loads a preset's models.
    ///
    /// # Errors
    /// Fails when one cannot be loaded, or a safety checker is mandatory and
    /// missing.
    pub fn load(preset: &Preset, options: &LoadOptions) -> Result<Self, EngineError> {
        options.safety.check(preset)?;
        let (models, checker) = Models::load(preset, options)?;
        let safety = SafetyStage::new(checker, options.safety, models.compute.clone());
        let safety = safety.releasing(options.packs.releases());
        let adapter_scale = preset.options().adapter_scale;
        let pipeline = StableDiffusionPipeline::new(models, adapter_scale, preset.limits().clone());
        Ok(Self::new(pipeline, safety))
    }
}

impl<P: Pipeline> PipelineBackend<P> {
    /// Combines a pipeline and the stage that checks its images.
    #[must_use]
    pub fn new(pipeline: P, safety: SafetyStage) -> Self {
        Self {
            pipeline,
            safety,
            batch_limit: BatchLimit::default(),
            policy: Box::new(FirstInFirstOut),
            since_step: SinceStep::default(),
            requests: Requests::default(),
        }
    }

    /// Lets up to `images` share a call of the UNet.
    #[must_use]
    pub fn with_batch_limit(self, images: usize) -> Self {
        Self {
            batch_limit: BatchLimit::new(images),
            ..self
        }
    }

    /// Lets as many images share a call of the UNet as the device has memory
    /// for and gains from.
    #[must_use]
    pub fn with_advised_batch(self) -> Self {
        let advice = self.pipeline.batch_advice();
        Self {
            batch_limit: BatchLimit::advised(advice),
            ..self
        }
    }

    /// Sets the policy that chooses the next unit of work.
    #[must_use]
    pub fn with_policy(self, policy: Box<dyn StepPolicy>) -> Self {
        Self { policy, ..self }
    }

    fn next_unit(&self, request_waits: bool) -> Option<Unit> {
        let samples = self.requests.infos(|id| self.pipeline.steps_left(id));
        self.policy.choose(&Work {
            samples: &samples,
            request_waits,
            since_step: self.since_step,
            pictures_per_step: &|size| self.batch_limit.of_size(size),
            can_share_step: &|one, other| self.pipeline.can_share_step(one, other),
        })
    }

    fn step(&mut self, ids: &[SampleId]) -> Vec<SlotEvent> {
        let batch = self.requests.samples(ids);
        let started = Instant::now();
        if let Err(error) = self.pipeline.step(ids) {
            return self.after_failed_step(&batch, &error.into());
        }
        let elapsed = started.elapsed() / batch.len().max(1) as u32;
        self.requests.stepped(&batch);
        let progress = |sample: Sample| self.requests.progress(sample.slot, elapsed);
        batch.into_iter().filter_map(progress).collect()
    }

    /// Retries the samples in smaller batches where that may help, or ends
    /// their requests.
    fn after_failed_step(&mut self, batch: &[Sample], error: &BackendError) -> Vec<SlotEvent> {
        let size = batch.first().map(|sample| sample.size).unwrap_or_default();
        if self.batch_limit.shrink(error, batch.len(), size) {
            // A failed step has advanced none of them.
            return Vec::new();
        }
        let fail = |sample: &Sample| self.fail(sample.slot, error.clone());
        batch.iter().filter_map(fail).collect()
    }

    /// Runs a stage of a sample's decode, and checks the image after the last.
    fn decode(&mut self, sample: Sample) -> Option<SlotEvent> {
        let started = Instant::now();
        let decoded = self.pipeline.decode(sample.id);
        self.requests.decoded(&sample, started.elapsed());
        let ended = match decoded {
            Ok(None) => return None,
            Ok(Some(image)) => self.finish(sample, image),
            Err(error) => Err(error),
        };
        ended.unwrap_or_else(|error| self.fail(sample.slot, error.into()))
    }

    /// Checks the image of a sample, which then leaves the pipeline.
    fn finish(
        &mut self,
        sample: Sample,
        image: RgbImage,
    ) -> Result<Option<SlotEvent>, EngineError> {
        let started = Instant::now();
        let checked = self.safety.check(image, sample.safety_action)?;
        self.pipeline.leave(sample.id);
        Ok(self.requests.add_image(sample, checked, started.elapsed()))
    }

    /// Returns the preview of a sample; `None` if its image is to be checked
    /// before anything of it is seen.
    fn preview(&self, sample: &Sample) -> Option<RgbImage> {
        if sample.safety_action.is_some() {
            return None;
        }
        let preview = self.pipeline.preview(sample.id);
        preview.unwrap_or_else(|error| {
            tracing::warn!(%error, "failed to compute preview");
            None
        })
    }

    /// Ends a request unless it has already ended.
    fn fail(&mut self, slot: Slot, error: BackendError) -> Option<SlotEvent> {
        self.remove(slot)
            .then_some(SlotEvent::Failed { slot, error })
    }

    /// Removes a request and its samples; returns whether there was one.
    fn remove(&mut self, slot: Slot) -> bool {
        let samples = self.requests.remove(slot);
        let found = samples.is_some();
        for sample in samples.into_iter().flatten() {
            self.pipeline.leave(sample);
        }
        found
    }
}

impl<P: Pipeline> Backend for PipelineBackend<P> {
    fn admit(&mut self, input: &GenerationInput) -> Result<Slot, BackendError> {
        let checked = input.spec.check(self.pipeline.limits());
        checked.map_err(|error| EngineError::NotOffered(format!("with this preset {error}")))?;
        self.since_step.prepared = true;
        let prepared = self.pipeline.prepare(input)?;
        let mut warnings = prepared.warnings;
        let safety_action = self.safety.action(input.spec.safety(), &mut warnings);
        let join = |sample| self.pipeline.join(sample);
        let samples: Vec<SampleId> = prepared.samples.into_iter().map(join).collect();
        Ok(self.requests.insert(Admitted {
            samples,
            size: input.spec.size(),
            seed: input.spec.seed(),
            steps: prepared.steps,
            safety_action,
            warnings,
            timings: prepared.timings,
        }))
    }

    fn tick(&mut self) -> Vec<SlotEvent> {
        match self.next_unit(false) {
            Some(Unit::Step(ids)) => {
                self.since_step = SinceStep::default();
                self.step(&ids)
            }
            Some(Unit::Decode(id)) => {
                self.since_step.decode_stages += 1;
                let sample = self.requests.samples(&[id]).pop();
                let end = sample.and_then(|sample| self.decode(sample));
                end.into_iter().collect()
            }
            // Admission is what prepares a request.
            Some(Unit::Prepare) | None => Vec::new(),
        }
    }

    fn find_faces(&mut self, photo: &RgbImage) -> Result<Vec<FoundFace>, BackendError> {
        Ok(self.pipeline.find_faces(photo)?)
    }

    fn previews(&self, slot: Slot) -> Vec<RgbImage> {
        let samples = self.requests.samples_of(slot);
        samples.filter_map(|sample| self.preview(sample)).collect()
    }

    fn cancel(&mut self, slot: Slot) {
        self.remove(slot);
    }

    fn active(&self) -> usize {
        self.requests.active()
    }

    fn capacity(&self, size: ImageSize) -> Capacity {
        Capacity::of_images(self.batch_limit.of_size(size))
    }

    fn prefers_to_admit(&self) -> bool {
        self.next_unit(true) == Some(Unit::Prepare)
    }
}
