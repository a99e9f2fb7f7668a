use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::Tensor;
use facegen_core::request::RequestLimits;
use facegen_core::{FoundFace, GenerationInput, GenerationTimings};
use facegen_diffusion::{AutoencoderKl, DdimConfig, Decode, PartialDecode, SchedulerConfig};
use facegen_image::RgbImage;
use facegen_nn::kernels::reuse;
use facegen_vision::Face;

use super::denoise::{DenoiseState, denoise_step};
use super::{inputs, room};
use crate::load::BaseModel;
use crate::pipeline::{BatchAdvice, Pipeline, PreparedRequest, SampleId};
use crate::{EngineError, Models};

/// Stable Diffusion 1.5 with an IP-Adapter.
///
/// The numbers of the steps are those of diffusers'
/// `pipelines/stable_diffusion/pipeline_stable_diffusion.py` (`__call__`); the
/// stages before them follow IP-Adapter's `ip_adapter/ip_adapter_faceid.py`
/// (`generate`).
#[derive(Debug)]
pub struct StableDiffusionPipeline {
    models: Models,
    scheduler: Box<dyn SchedulerConfig>,
    adapter_scale: f64,
    limits: RequestLimits,
    samples: BTreeMap<SampleId, Sample>,
    next: SampleId,
}

/// One image in progress and the models for it.
#[derive(Debug)]
pub struct Sample {
    base: BaseModel,
    state: DenoiseState,
    decode: Option<PartialDecode>,
}

impl Sample {
    /// Runs the next stage of the decode; returns the image `(1, 3, height,
    /// width)` after the last.
    fn decode_stage(&mut self) -> Result<Option<Tensor>, EngineError> {
        let vae = &self.base.vae;
        let decode = match self.decode.take() {
            Some(decode) => decode,
            None => vae.begin_decode(self.state.latents())?,
        };
        Ok(match vae.advance(decode)? {
            Decode::Unfinished(decode) => {
                self.decode = Some(decode);
                None
            }
            Decode::Finished(image) => Some(image),
        })
    }
}

impl StableDiffusionPipeline {
    /// Combines loaded models; `adapter_scale` is the weight of the image
    /// branch in every cross-attention.
    #[must_use]
    pub fn new(models: Models, adapter_scale: f64, limits: RequestLimits) -> Self {
        Self {
            models,
            scheduler: Box::new(DdimConfig::default()),
            adapter_scale,
            limits,
            samples: BTreeMap::new(),
            next: SampleId::default(),
        }
    }
}

impl Pipeline for StableDiffusionPipeline {
    type Prepared = Sample;

    fn limits(&self) -> &RequestLimits {
        &self.limits
    }

    fn batch_advice(&self) -> BatchAdvice {
        let pipelines = self.models.style_pipelines.values();
        let models = pipelines.map(|pipeline| &pipeline.base);
        room::batch_advice(&self.models.compute, models, &self.limits)
    }

    fn find_faces(&self, photo: &RgbImage) -> Result<Vec<FoundFace>, EngineError> {
        let (width, height) = (photo.width() as f32, photo.height() as f32);
        let faces = self.models.face.find(photo)?.into_iter();
        let found = |face: Face| {
            let [left, top, right, bottom] = face.bounding_box;
            let [left, right] = [left, right].map(|x| x.clamp(0.0, width));
            let [top, bottom] = [top, bottom].map(|y| y.clamp(0.0, height));
            FoundFace {
                score: face.score,
                bounding_box: [left, top, right, bottom],
            }
        };
        Ok(faces.map(found).collect())
    }

    fn prepare(&self, input: &GenerationInput) -> Result<PreparedRequest<Sample>, EngineError> {
        let (models, spec) = (&self.models, &input.spec);
        let compute = &models.compute;
        let (mut warnings, mut timings) = (Vec::new(), GenerationTimings::default());
        // 1. Check inputs.
        let style_pipeline = inputs::style_pipeline_of(models, spec)?;
        // 2. Find, align and embed the face.
        let face = timed(&mut timings.face_analysis, || {
            models.face.analyze(&input.face)
        })?;
        inputs::warn_of_other_faces(&face, &mut warnings);
        // 3. Encode the prompts.
        let prompts = timed(&mut timings.text_encoding, || {
            compute.run(|| inputs::encode_prompts(models, style_pipeline, spec, &mut warnings))
        })?;
        // 4. Encode the face, and prepare every cross-attention.
        let guidance = timed(&mut timings.conditioning, || {
            let scale = self.adapter_scale;
            compute.run(|| {
                inputs::prepare_guidance(models, style_pipeline, scale, spec, &face, prompts)
            })
        })?;
        // 5. Prepare the timesteps.
        let scheduler = self.scheduler.build(spec.steps())?;
        // 6. Prepare the latents.
        let (width, height) = (spec.width() as usize, spec.height() as usize);
        let sample = |index: usize| {
            let (seed, base) = (spec.sample_seed(index as u32), style_pipeline.base.clone());
            let (scheduler, guidance) = (scheduler.clone(), Arc::clone(&guidance));
            let device = compute.device();
            DenoiseState::from_noise(seed, width, height, scheduler, guidance, device).map(
                |state| Sample {
                    base,
                    state,
                    decode: None,
                },
            )
        };
        let samples = (0..spec.samples()).map(sample);
        Ok(PreparedRequest {
            samples: samples.collect::<Result<_, _>>()?,
            steps: scheduler.timesteps().len(),
            warnings,
            timings,
        })
    }

    fn join(&mut self, prepared: Sample) -> SampleId {
        let id = self.next;
        self.next = id.next();
        self.samples.insert(id, prepared);
        id
    }

    fn can_share_step(&self, one: SampleId, other: SampleId) -> bool {
        let [one, other] = [one, other].map(|id| self.samples.get(&id));
        one.zip(other).is_some_and(|(one, other)| {
            one.base.shares_unet(&other.base) && one.state.fits(&other.state)
        })
    }

    fn step(&mut self, samples: &[SampleId]) -> Result<(), EngineError> {
        let of_batch = |(id, sample): (&SampleId, _)| samples.contains(id).then_some(sample);
        let batch: Vec<&mut Sample> = self.samples.iter_mut().filter_map(of_batch).collect();
        let Some(unet) = batch.first().map(|sample| Arc::clone(&sample.base.unet)) else {
            return Ok(());
        };
        let mut states: Vec<&mut DenoiseState> =
            batch.into_iter().map(|sample| &mut sample.state).collect();
        let compute = &self.models.compute;
        // 7. One iteration of the denoising loop.
        compute.run(|| denoise_step(&unet, &mut states, compute))
    }

    fn steps_left(&self, sample: SampleId) -> usize {
        let sample = self.samples.get(&sample);
        sample.map_or(0, |sample| sample.state.steps_left())
    }

    fn decode(&mut self, sample: SampleId) -> Result<Option<RgbImage>, EngineError> {
        let unknown = || EngineError::Defect("there is no such sample".into());
        let sample = self.samples.get_mut(&sample).ok_or_else(unknown)?;
        // 8. Decode the latents.
        let compute = &self.models.compute;
        let decoded = compute.run(|| sample.decode_stage())?;
        compute.device().synchronize()?;
        let Some(decoded) = decoded else {
            return Ok(None);
        };
        // A sum is finite only if every value is; a NaN pixel would be black.
        if !decoded.sum_all()?.to_scalar::<f32>()?.is_finite() {
            return Err(EngineError::NotFinite);
        }
        let (_, _, height, width) = decoded.dims4()?;
        let rgb = AutoencoderKl::to_rgb(&decoded)?;
        Ok(Some(RgbImage::new(width, height, rgb)?))
    }

    fn preview(&self, sample: SampleId) -> Result<Option<RgbImage>, EngineError> {
        let Some(Sample { base, state, .. }) = self.samples.get(&sample) else {
            return Ok(None);
        };
        self.models.compute.run(|| {
            let Some(latents) = state.denoised()? else {
                return Ok(None);
            };
            let (_, _, height, width) = latents.dims4()?;
            let rgb = base.vae.preview(&latents)?;
            Ok(Some(RgbImage::new(width, height, rgb)?))
        })
    }

    fn leave(&mut self, sample: SampleId) {
        self.samples.remove(&sample);
        if self.models.releases && self.samples.is_empty() {
            reuse::release();
        }
    }
}

/// Runs a stage and adds its duration.
fn timed<T>(
    total: &mut Duration,
    stage: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let started = Instant::now();
    let result = stage();
    *total += started.elapsed();
    result
}
