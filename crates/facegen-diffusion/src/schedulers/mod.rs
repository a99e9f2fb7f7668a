//! How a prediction of noise becomes the next, less noisy latents.
//!
//! As in diffusers: an immutable config builds a scheduler for each sample, and
//! the scheduler keeps what its steps need of the earlier ones.

mod ddim;

use std::fmt::Debug;

use candle_core::Tensor;
use facegen_nn::Result;

pub use ddim::{DdimConfig, DdimScheduler};

/// The settings of a scheduler, as diffusers' `scheduler_config.json` has them.
pub trait SchedulerConfig: Debug + Send + Sync {
    /// Builds the scheduler of one sample.
    ///
    /// # Errors
    /// When there are no steps, or more than the model was trained on.
    fn build(&self, num_inference_steps: usize) -> Result<Box<dyn Scheduler>>;
}

/// A denoising schedule on its way from the first step to the last.
pub trait Scheduler: Debug + Send + Sync {
    /// The timestep of each step, noisiest first.
    fn timesteps(&self) -> &[f32];

    /// Standard deviation of the noise that the first step expects.
    fn init_noise_sigma(&self) -> f64 {
        1.0
    }

    /// What the UNet sees of the latents before the step at `timestep`.
    ///
    /// # Errors
    /// When the device fails.
    fn scale_model_input(&self, sample: &Tensor, timestep: f32) -> Result<Tensor> {
        let _ = timestep;
        Ok(sample.clone())
    }

    /// Returns the latents after the step at `timestep`, from the latents
    /// before it (`sample`) and what the UNet predicted in them. All f32, of
    /// one shape. Steps are done in the order of [`timesteps`](Self::timesteps).
    ///
    /// # Errors
    /// When it is another step's turn or the shapes differ; the scheduler is
    /// of no further use then.
    fn step(&mut self, model_output: &Tensor, timestep: f32, sample: &Tensor) -> Result<Tensor>;

    /// Copies the scheduler, so that a step that fails can be taken back.
    fn clone_box(&self) -> Box<dyn Scheduler>;
}

impl Clone for Box<dyn Scheduler> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}
