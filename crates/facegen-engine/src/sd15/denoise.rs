//! The denoising of one image.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use facegen_diffusion::{
    PreparedConditioning, Scheduler, UNet2DConditionModel, classifier_free_guidance,
};
use facegen_nn::{Compute, FeatureMap, NoiseSource};

use crate::EngineError;

/// Channels of Stable Diffusion's latents.
pub const LATENT_CHANNELS: usize = 4;
/// Pixels of an image per latent, on each side.
pub const LATENT_SCALE: usize = 8;

/// The conditioning shared by all samples of a request.
#[derive(Debug)]
pub struct Guidance {
    /// The prompt and the face.
    pub cond: PreparedConditioning,
    /// The negative prompt and no face; none unless the guidance scale exceeds
    /// 1.
    pub uncond: Option<PreparedConditioning>,
    /// The weight of the difference between the two predictions.
    pub guidance_scale: f64,
}

/// The state between two steps: the latents and all that the next step needs.
#[derive(Debug)]
pub struct DenoiseState {
    latents: Tensor,
    scheduler: Box<dyn Scheduler>,
    step: usize,
    guidance: Arc<Guidance>,
    /// That of the last step.
    prediction: Option<Prediction>,
}

/// What the UNet predicted, and of which latents.
#[derive(Debug)]
struct Prediction {
    noise_pred: Tensor,
    timestep: f32,
    latents: Tensor,
}

impl DenoiseState {
    /// Starts from the noise of `seed` for an image of that size in pixels.
    ///
    /// # Errors
    /// Fails when the latents cannot be allocated.
    pub fn from_noise(
        seed: u32,
        width: usize,
        height: usize,
        scheduler: Box<dyn Scheduler>,
        guidance: Arc<Guidance>,
        device: &Device,
    ) -> Result<Self, EngineError> {
        let (rows, columns) = (height / LATENT_SCALE, width / LATENT_SCALE);
        let noise = NoiseSource::new(seed).latents(LATENT_CHANNELS, rows, columns, device)?;
        Ok(Self {
            latents: (noise * scheduler.init_noise_sigma())?,
            scheduler,
            step: 0,
            guidance,
            prediction: None,
        })
    }

    /// Returns the latents `(1, channels, height, width)`, f32.
    #[must_use]
    pub fn latents(&self) -> &Tensor {
        &self.latents
    }

    /// Returns the latents without noise that the last step's prediction amounts
    /// to; `None` before the first step.
    ///
    /// # Errors
    /// Fails when the device fails.
    pub fn denoised(&self) -> Result<Option<Tensor>, EngineError> {
        let denoised = |last: &Prediction| {
            self.scheduler
                .denoised(&last.noise_pred, last.timestep, &last.latents)
        };
        Ok(self.prediction.as_ref().map(denoised).transpose()?)
    }

    /// Returns the number of steps done.
    #[must_use]
    pub fn step(&self) -> usize {
        self.step
    }

    /// Returns the number of steps left.
    #[must_use]
    pub fn steps_left(&self) -> usize {
        self.scheduler.timesteps().len() - self.step
    }

    /// Returns whether both can share a call of one UNet.
    #[must_use]
    pub fn fits(&self, other: &Self) -> bool {
        self.latents.dims() == other.latents.dims()
    }

    fn conditionings(&self) -> impl Iterator<Item = &PreparedConditioning> {
        self.guidance.uncond.iter().chain([&self.guidance.cond])
    }

    fn timestep(&self) -> Result<f32, EngineError> {
        let done = || EngineError::Defect("a state was moved on beyond its last step".into());
        self.scheduler
            .timesteps()
            .get(self.step)
            .copied()
            .ok_or_else(done)
    }

    /// Returns the UNet's input for the latents.
    fn model_input(&self) -> Result<Tensor, EngineError> {
        let timestep = self.timestep()?;
        Ok(self.scheduler.scale_model_input(&self.latents, timestep)?)
    }

    /// Returns the state after the next step, given its rows of a prediction.
    fn stepped(&self, noise_pred: &[Tensor]) -> Result<Self, EngineError> {
        let noise_pred = match noise_pred {
            [uncond, cond] => classifier_free_guidance(uncond, cond, self.guidance.guidance_scale)?,
            [cond] => cond.clone(),
            _ => return Err(EngineError::Defect("a state has one or two rows".into())),
        };
        let (mut scheduler, timestep) = (self.scheduler.clone(), self.timestep()?);
        Ok(Self {
            latents: scheduler.step(&noise_pred, timestep, &self.latents)?,
            scheduler,
            step: self.step + 1,
            guidance: Arc::clone(&self.guidance),
            prediction: Some(Prediction {
                noise_pred,
                timestep,
                latents: self.latents.clone(),
            }),
        })
    }
}

/// Advances states of one latent size by one step, all in one call of the UNet.
/// Each state has its own timestep; its rows are the unconditional one, if
/// there is guidance, and the conditional one.
///
/// # Errors
/// Fails when a state is already done or the UNet fails; no state has advanced
/// then.
pub fn denoise_step(
    unet: &UNet2DConditionModel,
    states: &mut [&mut DenoiseState],
    compute: &Compute,
) -> Result<(), EngineError> {
    let (mut conditionings, mut rows) = (vec![], vec![]);
    for (sample, state) in states.iter().enumerate() {
        conditionings.extend(state.conditionings());
        rows.resize(conditionings.len(), sample);
    }
    let inputs: Vec<Tensor> = states
        .iter()
        .map(|state| state.model_input())
        .collect::<Result<_, _>>()?;
    let latents = FeatureMap::from_nchw(&Tensor::cat(&inputs, 0)?, compute)?;
    let timesteps: Vec<f32> = states
        .iter()
        .map(|state| state.timestep())
        .collect::<Result<_, _>>()?;
    let noise_pred = unet.forward_rows(&latents, &timesteps, &rows, &conditionings)?;
    let noise_pred = noise_pred
        .to_nchw()?
        .to_dtype(DType::F32)?
        .chunk(rows.len(), 0)?;

    let (mut remaining, mut next) = (noise_pred.as_slice(), Vec::new());
    for state in states.iter() {
        let (own, others) = remaining.split_at(state.conditionings().count());
        next.push(state.stepped(own)?);
        remaining = others;
    }
    for (state, next) in states.iter_mut().zip(next) {
        **state = next;
    }
    // A GPU runs behind its launches: without waiting, progress and durations
    // would be those of the launches.
    Ok(compute.device().synchronize()?)
}
