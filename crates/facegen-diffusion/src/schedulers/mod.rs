//! Schedulers, which turn predicted noise into the next, less noisy latents.
//!
//! As in diffusers: an immutable config builds a scheduler for each sample, and
//! the scheduler keeps the state that its steps share.

mod ddim;

use std::fmt::Debug;

use candle_core::Tensor;
use facegen_nn::Result;

pub use ddim::{DdimConfig, DdimScheduler};

/// The settings of a scheduler, as in diffusers' `scheduler_config.json`.
pub trait SchedulerConfig: Debug + Send + Sync {
    /// Builds the scheduler of one sample.
    ///
    /// # Errors
    /// Fails when there are no steps, or more than the model was trained on.
    fn build(&self, num_inference_steps: usize) -> Result<Box<dyn Scheduler>>;
}

/// The state of one sample's denoising schedule.
pub trait Scheduler: Debug + Send + Sync {
    /// Returns the timestep of each step, noisiest first.
    fn timesteps(&self) -> &[f32];

    /// Returns the standard deviation of the noise that the first step expects.
    fn init_noise_sigma(&self) -> f64 {
        1.0
    }

    /// Returns the UNet's input for the latents before the step at `timestep`.
    ///
    /// # Errors
    /// Fails when the device fails.
    fn scale_model_input(&self, sample: &Tensor, timestep: f32) -> Result<Tensor> {
        let _ = timestep;
        Ok(sample.clone())
    }

    /// Returns the latents after the step at `timestep`, from the latents
    /// before it (`sample`) and the UNet's prediction for them. All f32, of one
    /// shape. Steps follow the order of [`timesteps`](Self::timesteps).
    ///
    /// # Errors
    /// Fails when another step is due or the shapes differ; the scheduler is
    /// unusable then.
    fn step(&mut self, model_output: &Tensor, timestep: f32, sample: &Tensor) -> Result<Tensor>;

    /// Returns the latents without noise that a prediction at `timestep` amounts
    /// to, which diffusers calls `pred_original_sample`. Takes what
    /// [`step`](Self::step) takes, and changes nothing.
    ///
    /// # Errors
    /// Fails when the schedule has no such timestep or the shapes differ.
    fn denoised(&self, model_output: &Tensor, timestep: f32, sample: &Tensor) -> Result<Tensor>;

    /// Copies the scheduler, so that a failed step can be undone.
    fn clone_box(&self) -> Box<dyn Scheduler>;
}

impl Clone for Box<dyn Scheduler> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}
