//! A different family of models and scheduler behind the same ports.

use std::cell::Cell;
use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use facegen_core::{FoundFace, GenerationTimings};
use facegen_diffusion::{Scheduler, SchedulerConfig};
use facegen_nn::Compute;

use super::*;
use crate::SafetyPolicy;

/// Euler's method, which is stateless but scales the model's input, and whose
/// timesteps are not integers.
#[derive(Clone, Debug)]
struct Euler {
    timesteps: Vec<f32>,
    steps_done: usize,
}

impl Euler {
    fn sigma(&self, step: usize) -> f64 {
        let steps = self.timesteps.len();
        (steps - step) as f64 / steps as f64 * self.init_noise_sigma()
    }
}

impl Scheduler for Euler {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn init_noise_sigma(&self) -> f64 {
        14.0
    }

    fn scale_model_input(&self, sample: &Tensor, _: f32) -> facegen_nn::Result<Tensor> {
        let sigma = self.sigma(self.steps_done);
        Ok((sample / (sigma * sigma + 1.0).sqrt())?)
    }

    fn step(&mut self, output: &Tensor, _: f32, sample: &Tensor) -> facegen_nn::Result<Tensor> {
        let move_by = self.sigma(self.steps_done + 1) - self.sigma(self.steps_done);
        self.steps_done += 1;
        Ok((sample + (output * move_by)?)?)
    }

    fn denoised(&self, output: &Tensor, _: f32, sample: &Tensor) -> facegen_nn::Result<Tensor> {
        Ok((sample - (output * self.sigma(self.steps_done))?)?)
    }

    fn clone_box(&self) -> Box<dyn Scheduler> {
        Box::new(self.clone())
    }
}

#[derive(Debug)]
struct EulerConfig;

impl SchedulerConfig for EulerConfig {
    fn build(&self, steps: usize) -> facegen_nn::Result<Box<dyn Scheduler>> {
        let timesteps = (0..steps).rev().map(|step| step as f32 * 47.55).collect();
        Ok(Box::new(Euler {
            timesteps,
            steps_done: 0,
        }))
    }
}

/// Predicts that its single latent is all noise.
#[derive(Debug, Default)]
struct ToyPipeline {
    samples: BTreeMap<SampleId, (Tensor, Box<dyn Scheduler>, usize)>,
    next: SampleId,
    limits: RequestLimits,
    /// How many previews were computed.
    previews: Cell<usize>,
}

impl Pipeline for ToyPipeline {
    type Prepared = (Tensor, Box<dyn Scheduler>, usize);

    fn limits(&self) -> &RequestLimits {
        &self.limits
    }

    fn batch_advice(&self) -> BatchAdvice {
        BatchAdvice::ONE
    }

    fn find_faces(&self, _photo: &RgbImage) -> Result<Vec<FoundFace>, EngineError> {
        Ok(Vec::new())
    }

    fn prepare(
        &self,
        input: &GenerationInput,
    ) -> Result<PreparedRequest<Self::Prepared>, EngineError> {
        let steps = input.spec.steps();
        let scheduler = EulerConfig.build(steps)?;
        let noise = Tensor::new(scheduler.init_noise_sigma(), &Device::Cpu)?;
        Ok(PreparedRequest {
            samples: vec![(noise, scheduler, 0)],
            steps,
            warnings: Vec::new(),
            timings: GenerationTimings::default(),
        })
    }

    fn join(&mut self, prepared: Self::Prepared) -> SampleId {
        let id = self.next;
        self.next = id.next();
        self.samples.insert(id, prepared);
        id
    }

    fn can_share_step(&self, _: SampleId, _: SampleId) -> bool {
        true
    }

    fn step(&mut self, samples: &[SampleId]) -> Result<(), EngineError> {
        for id in samples {
            let (latent, scheduler, done) = self.samples.get_mut(id).unwrap();
            let timestep = scheduler.timesteps()[*done];
            let sigma = 14.0 - 14.0 * *done as f64 / scheduler.timesteps().len() as f64;
            let input = scheduler.scale_model_input(latent, timestep)?;
            let noise = (input * ((sigma * sigma + 1.0).sqrt() / sigma))?;
            *latent = scheduler.step(&noise, timestep, latent)?;
            *done += 1;
        }
        Ok(())
    }

    fn steps_left(&self, sample: SampleId) -> usize {
        let (_, scheduler, done) = &self.samples[&sample];
        scheduler.timesteps().len() - done
    }

    fn decode(&mut self, sample: SampleId) -> Result<Option<RgbImage>, EngineError> {
        let latent = self.samples[&sample].0.to_scalar::<f64>()?;
        let grey = (latent.abs() * 1e6) as u8;
        Ok(Some(RgbImage::new(8, 8, vec![grey; 192])?))
    }

    fn preview(&self, _: SampleId) -> Result<Option<RgbImage>, EngineError> {
        self.previews.set(self.previews.get() + 1);
        Ok(Some(RgbImage::black(1, 1)))
    }

    fn leave(&mut self, sample: SampleId) {
        self.samples.remove(&sample);
    }
}

#[test]
fn another_family_with_another_scheduler_works_behind_the_same_port() {
    let compute = Compute::new(Device::Cpu, candle_core::DType::F32);
    let safety = SafetyStage::new(None, SafetyPolicy::default(), compute);
    let mut backend = PipelineBackend::new(ToyPipeline::default(), safety).with_batch_limit(2);
    for seed in ["1", "2", "3"] {
        backend.admit(&input(seed)).unwrap();
    }
    assert_eq!(backend.tick().len(), 2, "the first two share a step");
    let ends = ends(&mut backend);
    assert_eq!(ends.len(), 3);
    for (_, end) in ends {
        // No noise is left.
        assert_eq!(end.unwrap()[0].pixels.pixels(), [0; 192]);
    }
    assert!(backend.pipeline.samples.is_empty());
}

/// Returns a backend of the toy whose images a checker looks at or not.
fn toy(safety: SafetyPolicy) -> PipelineBackend<ToyPipeline> {
    let compute = Compute::new(Device::Cpu, candle_core::DType::F32);
    PipelineBackend::new(
        ToyPipeline::default(),
        SafetyStage::new(None, safety, compute),
    )
}

#[test]
fn a_preview_is_computed_only_when_it_is_asked_for() {
    let mut backend = toy(SafetyPolicy::default());
    let slot = backend.admit(&input("1")).unwrap();
    backend.tick();
    assert_eq!(backend.pipeline.previews.get(), 0);
    assert_eq!(backend.previews(slot).len(), 1);
    assert_eq!(backend.previews(Slot::new(7)), []);
    assert_eq!(backend.pipeline.previews.get(), 1);
    ends(&mut backend);
    assert_eq!(backend.previews(slot), []);
    assert_eq!(backend.pipeline.previews.get(), 1);
}

#[test]
fn images_that_will_be_checked_have_no_preview() {
    let checked = SafetyPolicy {
        force_hit: true,
        ..SafetyPolicy::default()
    };
    let mut backend = toy(checked);
    let slot = backend.admit(&input("1")).unwrap();
    backend.tick();
    assert_eq!(backend.previews(slot), []);
    assert_eq!(backend.pipeline.previews.get(), 0);
}
