use std::sync::Arc;

use candle_core::Tensor;
use facegen_nn::{NnError, Result};

use super::{Scheduler, SchedulerConfig};

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
    /// Returns the cumulative products of `1 - beta` for all training
    /// timesteps: betas in f32, product accumulated in f64 and stored in f32,
    /// like torch on the CPU.
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

/// Follows `torch.linspace` in f32, which counts from both ends to the middle.
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

impl SchedulerConfig for DdimConfig {
    fn build(&self, num_inference_steps: usize) -> Result<Box<dyn Scheduler>> {
        Ok(Box::new(DdimScheduler::new(self, num_inference_steps)?))
    }
}

/// Denoising diffusion implicit models (Song et al., 2020), following diffusers
/// `schedulers/scheduling_ddim.py`.
#[derive(Clone, Debug)]
pub struct DdimScheduler {
    timesteps: Arc<[f32]>,
    alphas_cumprod: Arc<[f32]>,
    stride: usize,
    final_alpha_cumprod: f32,
    steps_done: usize,
}

impl DdimScheduler {
    /// Builds a schedule of `steps` steps.
    ///
    /// # Errors
    /// Fails when there are no steps, or more than the model was trained on.
    pub fn new(config: &DdimConfig, steps: usize) -> Result<Self> {
        let trained = config.num_train_timesteps;
        if steps == 0 || steps > trained {
            return Err(NnError::Argument(format!(
                "a schedule has 1 to {trained} steps, not {steps}"
            )));
        }
        let stride = trained / steps;
        if (steps - 1) * stride + config.steps_offset >= trained {
            return Err(NnError::Argument(format!(
                "{steps} steps reach beyond the {trained} of the training"
            )));
        }
        let alphas_cumprod = config.alphas_cumprod();
        let final_alpha_cumprod = if config.set_alpha_to_one {
            1.0
        } else {
            alphas_cumprod[0]
        };
        Ok(Self {
            timesteps: (0..steps)
                .rev()
                .map(|step| (step * stride + config.steps_offset) as f32)
                .collect(),
            alphas_cumprod: alphas_cumprod.into(),
            stride,
            final_alpha_cumprod,
            steps_done: 0,
        })
    }

    /// Returns the share of signal in the latents after the step at `timestep`.
    fn previous_alpha_cumprod(&self, timestep: usize) -> f32 {
        timestep
            .checked_sub(self.stride)
            .map_or(self.final_alpha_cumprod, |previous| {
                self.alphas_cumprod[previous]
            })
    }
}

/// Returns the timestep of the training that a timestep of a schedule is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the timesteps of a schedule are indices of the training's"
)]
fn index_of(timestep: f32) -> usize {
    timestep as usize
}

fn root(value: f32) -> f64 {
    f64::from(value.sqrt())
}

impl Scheduler for DdimScheduler {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn step(&mut self, model_output: &Tensor, timestep: f32, sample: &Tensor) -> Result<Tensor> {
        if self.timesteps.get(self.steps_done) != Some(&timestep) {
            let done = self.steps_done;
            return Err(NnError::Argument(format!(
                "the schedule has no step at {timestep} after {done} steps"
            )));
        }
        self.steps_done += 1;
        let previous_alpha = self.previous_alpha_cumprod(index_of(timestep));
        let pred_original_sample = self.denoised(model_output, timestep, sample)?;
        let direction = (model_output * root(1.0 - previous_alpha))?;
        Ok(((pred_original_sample * root(previous_alpha))? + direction)?)
    }

    fn denoised(&self, model_output: &Tensor, timestep: f32, sample: &Tensor) -> Result<Tensor> {
        let alpha = self.alphas_cumprod.get(index_of(timestep)).copied();
        let unknown = || NnError::Argument(format!("the schedule has no step at {timestep}"));
        let alpha = alpha.ok_or_else(unknown)?;
        Ok(((sample - (model_output * root(1.0 - alpha))?)? / root(alpha))?)
    }

    fn clone_box(&self) -> Box<dyn Scheduler> {
        Box::new(self.clone())
    }
}
