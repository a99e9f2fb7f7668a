//! How a prediction of noise becomes the next, less noisy latents.

mod ddim;

use std::fmt::Debug;

use candle_core::Tensor;
use facegen_nn::Result;

pub use ddim::{DdimConfig, DdimScheduler};

/// A denoising schedule of a fixed number of steps.
pub trait Scheduler: Debug + Send + Sync {
    /// The timestep of each step, noisiest first.
    fn timesteps(&self) -> &[usize];

    /// The latents after step `index`, from the latents before it and the noise
    /// that the UNet predicted in them. All f32, of one shape.
    ///
    /// # Errors
    /// When there is no such step or the shapes differ.
    fn step(&self, noise_pred: &Tensor, index: usize, latents: &Tensor) -> Result<Tensor>;
}
