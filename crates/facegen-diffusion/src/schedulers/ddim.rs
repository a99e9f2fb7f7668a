use candle_core::Tensor;
use facegen_nn::{NnError, Result};

use super::Scheduler;

/// The part of diffusers' `DDIMScheduler` configuration that Stable Diffusion
/// 1.5 uses: scaled-linear betas, epsilon prediction, leading spacing, eta 0,
/// no clipping. The default is the reference's configuration.
#[derive(Clone, Copy, Debug)]
pub struct DdimConfig {
    /// Steps that the model was trained on.
    pub num_train_timesteps: usize,
    /// First beta of the schedule.
    pub beta_start: f64,
    /// Last beta of the schedule.
    pub beta_end: f64,
    /// Added to every timestep.
    pub steps_offset: usize,
    /// Whether the step beyond the last has no noise at all; otherwise it has
    /// that of timestep 0.
    pub set_alpha_to_one: bool,
}

impl Default for DdimConfig {
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_start: 0.00085,
            beta_end: 0.012,
            steps_offset: 1,
            set_alpha_to_one: false,
        }
    }
}

impl DdimConfig {
    /// The cumulative products of `1 - beta`, one for each training timestep:
    /// betas in f32, product accumulated in f64 and stored in f32, as torch does
    /// on the CPU.
    #[must_use]
    pub fn alphas_cumprod(&self) -> Vec<f32> {
        let (start, end) = (self.beta_start.sqrt() as f32, self.beta_end.sqrt() as f32);
        let mut product = 1f64;
        linspace(start, end, self.num_train_timesteps)
            .map(|root| {
                product *= f64::from(1.0 - root * root);
                product as f32
            })
            .collect()
    }
}

/// `torch.linspace` in f32, which counts from both ends towards the middle.
fn linspace(start: f32, end: f32, count: usize) -> impl Iterator<Item = f32> {
    let step = (end - start) / (count.saturating_sub(1).max(1)) as f32;
    (0..count).map(move |index| {
        if index < count / 2 {
            step.mul_add(index as f32, start)
        } else {
            step.mul_add(-((count - 1 - index) as f32), end)
        }
    })
}

/// Denoising diffusion implicit models (Song et al., 2020), following diffusers
/// `schedulers/scheduling_ddim.py`.
#[derive(Clone, Debug)]
pub struct DdimScheduler {
    timesteps: Vec<usize>,
    alphas_cumprod: Vec<f32>,
    stride: usize,
    final_alpha_cumprod: f32,
}

impl DdimScheduler {
    /// A schedule of `steps` steps.
    ///
    /// # Errors
    /// When there are no steps, or more than the model was trained on.
    pub fn new(config: &DdimConfig, steps: usize) -> Result<Self> {
        let trained = config.num_train_timesteps;
        if steps == 0 || steps > trained {
            return Err(NnError::Argument(format!(
                "a schedule has 1 to {trained} steps, not {steps}"
            )));
        }
        let alphas_cumprod = config.alphas_cumprod();
        let stride = trained / steps;
        let timesteps: Vec<usize> = (0..steps)
            .rev()
            .map(|step| step * stride + config.steps_offset)
            .collect();
        if timesteps[0] >= trained {
            return Err(NnError::Argument(format!(
                "{steps} steps reach beyond the {trained} of the training"
            )));
        }
        let final_alpha_cumprod = if config.set_alpha_to_one {
            1.0
        } else {
            alphas_cumprod[0]
        };
        Ok(Self {
            timesteps,
            alphas_cumprod,
            stride,
            final_alpha_cumprod,
        })
    }

    /// Share of signal in the latents that the step at `timestep` leaves.
    fn previous_alpha_cumprod(&self, timestep: usize) -> f32 {
        timestep
            .checked_sub(self.stride)
            .map_or(self.final_alpha_cumprod, |previous| {
                self.alphas_cumprod[previous]
            })
    }
}

impl Scheduler for DdimScheduler {
    fn timesteps(&self) -> &[usize] {
        &self.timesteps
    }

    fn step(&self, noise_pred: &Tensor, index: usize, latents: &Tensor) -> Result<Tensor> {
        let timestep = *self
            .timesteps
            .get(index)
            .ok_or_else(|| NnError::Argument(format!("the schedule has no step {index}")))?;
        let alpha = self.alphas_cumprod[timestep];
        let previous_alpha = self.previous_alpha_cumprod(timestep);
        let root = |value: f32| f64::from(value.sqrt());

        let pred_original_sample = ((latents - (noise_pred * root(1.0 - alpha))?)? / root(alpha))?;
        let direction = (noise_pred * root(1.0 - previous_alpha))?;
        Ok(((pred_original_sample * root(previous_alpha))? + direction)?)
    }
}
