use candle_core::{Device, Tensor};
use facegen_nn::layers::{Activation, Linear};
use facegen_nn::{Compute, Result, Weights};

use super::config::UNet2DConditionConfig;

/// Longest wavelength of the sinusoids.
const MAX_PERIOD: f32 = 10_000.0;

/// Sinusoids of the timestep, followed by an MLP.
///
/// The sinusoids are always computed in f32: in half precision 961 itself is
/// not exact, and its cosine is noise. The MLP is small, and its rounding
/// affects every residual block: where the CPU kernels compute bf16, it too is
/// computed in f32.
#[derive(Debug)]
pub(super) struct TimeEmbedding {
    channels: usize,
    cosines_first: bool,
    freq_shift: f32,
    linear_1: Linear,
    linear_2: Linear,
    /// The device and dtype of the MLP.
    wide: Compute,
    compute: Compute,
}

impl TimeEmbedding {
    pub(super) fn load(
        config: &UNet2DConditionConfig,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Self> {
        let (channels, width) = (config.time_embed_dim() / 4, config.time_embed_dim());
        let wide = compute.widened();
        Ok(Self {
            channels,
            cosines_first: config.flip_sin_to_cos,
            freq_shift: config.freq_shift as f32,
            linear_1: Linear::load(&weights.pp("linear_1"), channels, width, &wide)?,
            linear_2: Linear::load(&weights.pp("linear_2"), width, width, &wide)?,
            wide,
            compute: compute.clone(),
        })
    }

    /// Returns `(batch, time_embed_dim)`, after the silu that every residual
    /// block starts with.
    pub(super) fn forward(&self, timesteps: &[f32]) -> Result<Tensor> {
        let values: Vec<f32> = timesteps
            .iter()
            .flat_map(|&timestep| {
                timestep_embedding(timestep, self.channels, self.cosines_first, self.freq_shift)
            })
            .collect();
        let sinusoids = Tensor::from_vec(values, (timesteps.len(), self.channels), &Device::Cpu)?
            .to_dtype(self.wide.dtype())?;
        let sinusoids = self.compute.upload(&sinusoids)?;
        let hidden = self
            .linear_1
            .forward_activated(&sinusoids, Activation::Silu)?;
        let embedding = self.linear_2.forward_activated(&hidden, Activation::Silu)?;
        Ok(embedding.to_dtype(self.compute.dtype())?)
    }
}

/// Computes the sinusoids of a timestep: `channels / 2` cosines and sines.
///
/// Follows diffusers `models/embeddings.py` (`get_timestep_embedding`), in f32
/// like that; the exponential is rounded once, because at a timestep of 941 its
/// last bit matters.
#[must_use]
pub fn timestep_embedding(
    timestep: f32,
    channels: usize,
    cosines_first: bool,
    freq_shift: f32,
) -> Vec<f32> {
    let half = channels / 2;
    let angles = (0..half).map(|index| {
        let exponent = -MAX_PERIOD.ln() * index as f32 / (half as f32 - freq_shift);
        timestep * f64::from(exponent).exp() as f32
    });
    let (cosines, sines): (Vec<f32>, Vec<f32>) =
        angles.map(|angle| (angle.cos(), angle.sin())).unzip();
    if cosines_first {
        [cosines, sines].concat()
    } else {
        [sines, cosines].concat()
    }
}
