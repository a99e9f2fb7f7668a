use candle_core::{DType, Device, Tensor};
use facegen_nn::layers::{Conv2d, Conv2dConfig};
use facegen_nn::{Compute, FeatureMap, Result, Weights};

use super::config::AutoencoderKlConfig;
use super::decoder::Decoder;

/// The decoding half of `AutoencoderKL`.
#[derive(Debug)]
pub struct AutoencoderKl {
    post_quant_conv: Conv2d,
    decoder: Decoder,
    scaling_factor: f64,
    compute: Compute,
}

impl AutoencoderKl {
    /// Loads the decoder; the checkpoint's encoder is known and left aside.
    ///
    /// # Errors
    /// When the config is not supported, or a tensor is missing or has another
    /// shape.
    pub fn load(
        config: &AutoencoderKlConfig,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Self> {
        config.check()?;
        weights.ignore("encoder.");
        weights.ignore("quant_conv.");
        let channels = config.latent_channels;
        let post_quant_conv = weights.pp("post_quant_conv");
        Ok(Self {
            post_quant_conv: Conv2d::load(
                &post_quant_conv,
                &Conv2dConfig::new(channels, channels, 1),
                compute,
            )?,
            decoder: Decoder::load(config, &weights.pp("decoder"), compute)?,
            scaling_factor: config.scaling_factor,
            compute: compute.clone(),
        })
    }

    /// Latents `(batch, channels, height, width)` to pictures `(batch, 3, 8 *
    /// height, 8 * width)`, f32, about -1 to 1.
    ///
    /// # Errors
    /// When the latents have other channels.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        let latents = FeatureMap::from_nchw(&(latents / self.scaling_factor)?, &self.compute)?;
        let decoded = self
            .decoder
            .forward(&self.post_quant_conv.forward(&latents)?)?;
        Ok(decoded.to_nchw()?.to_dtype(DType::F32)?)
    }

    /// The bytes of one decoded picture `(1, 3, height, width)`: rows of RGB,
    /// -1 as 0 and 1 as 255, halves rounded to even as numpy does.
    ///
    /// # Errors
    /// When the tensor is not one picture.
    pub fn to_rgb(decoded: &Tensor) -> Result<Vec<u8>> {
        let rows = decoded
            .squeeze(0)?
            .permute((1, 2, 0))?
            .to_device(&Device::Cpu)?;
        let values: Vec<f32> = rows.flatten_all()?.to_vec1()?;
        let to_byte =
            |value: f32| ((value / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8;
        Ok(values.into_iter().map(to_byte).collect())
    }
}
