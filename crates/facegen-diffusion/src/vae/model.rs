use std::sync::OnceLock;

use candle_core::{DType, Device, Tensor};
use facegen_nn::layers::{Conv2d, Conv2dConfig};
use facegen_nn::{Compute, FeatureMap, Result, Weights};

use super::config::AutoencoderKlConfig;
use super::decoder::Decoder;
use super::preview::{LatentColors, to_byte};

/// Feature maps of the finest level that are alive at once, each with the channels of that level:
/// in its first residual block, whose input has twice as many.
const ALIVE: usize = 6;

/// The decoding half of `AutoencoderKL`.
#[derive(Debug)]
pub struct AutoencoderKl {
    post_quant_conv: Conv2d,
    decoder: Decoder,
    scaling_factor: f64,
    /// Of the finest level.
    channels: usize,
    latent_channels: usize,
    /// Known, or measured for the first preview.
    colors: OnceLock<LatentColors>,
    compute: Compute,
}

/// An image between two stages of its decode.
#[derive(Debug)]
pub struct PartialDecode {
    hidden_states: FeatureMap,
    stages_done: usize,
}

/// The result of a stage of a decode.
#[derive(Debug)]
pub enum Decode {
    /// More stages have to run.
    Unfinished(PartialDecode),
    /// The image, as [`AutoencoderKl::decode`] returns it.
    Finished(Tensor),
}

impl AutoencoderKl {
    /// Loads the decoder and ignores the checkpoint's encoder.
    ///
    /// # Errors
    /// Fails when the config is not supported, or a tensor is missing or has
    /// another shape.
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
            channels: config.block_out_channels.first().copied().unwrap_or(0),
            latent_channels: channels,
            colors: LatentColors::known(channels, &config.block_out_channels)
                .map_or_else(OnceLock::new, OnceLock::from),
            compute: compute.clone(),
        })
    }

    /// Returns how many bytes a decode takes at once for each pixel of the image,
    /// where this crate's CUDA kernels compute.
    #[must_use]
    pub fn bytes_of_pixel(&self) -> usize {
        ALIVE * self.channels * self.compute.dtype().size_in_bytes()
    }

    /// Decodes latents `(batch, channels, height, width)` to images `(batch, 3,
    /// 8 * height, 8 * width)`, f32, about -1 to 1.
    ///
    /// # Errors
    /// Fails when the latents have other channels.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        let mut decode = self.begin_decode(latents)?;
        loop {
            decode = match self.advance(decode)? {
                Decode::Unfinished(decode) => decode,
                Decode::Finished(image) => return Ok(image),
            };
        }
    }

    /// Begins a decode in stages, each about a residual block: at most an
    /// eighth of the whole for the published models.
    ///
    /// # Errors
    /// Fails when the latents have other channels.
    pub fn begin_decode(&self, latents: &Tensor) -> Result<PartialDecode> {
        let latents = FeatureMap::from_nchw(&(latents / self.scaling_factor)?, &self.compute)?;
        Ok(PartialDecode {
            hidden_states: self.post_quant_conv.forward(&latents)?,
            stages_done: 0,
        })
    }

    /// Runs the next stage. The image is that of [`Self::decode`] regardless of
    /// what runs in between.
    ///
    /// # Errors
    /// Fails when a layer cannot be computed.
    pub fn advance(&self, decode: PartialDecode) -> Result<Decode> {
        let PartialDecode {
            mut hidden_states,
            stages_done,
        } = decode;
        let mut stages = self.decoder.stages().skip(stages_done);
        if let Some(stage) = stages.next() {
            hidden_states = stage.forward(&hidden_states)?;
        }
        if stages.next().is_none() {
            let image = hidden_states.to_nchw()?.to_dtype(DType::F32)?;
            return Ok(Decode::Finished(image));
        }
        Ok(Decode::Unfinished(PartialDecode {
            hidden_states,
            stages_done: stages_done + 1,
        }))
    }

    /// Returns the bytes of one decoded image `(1, 3, height, width)`: rows of
    /// RGB, -1 as 0 and 1 as 255, halves rounded to even like numpy.
    ///
    /// # Errors
    /// Fails when the tensor is not one image.
    pub fn to_rgb(decoded: &Tensor) -> Result<Vec<u8>> {
        let rows = decoded
            .squeeze(0)?
            .permute((1, 2, 0))?
            .to_device(&Device::Cpu)?;
        let values: Vec<f32> = rows.flatten_all()?.to_vec1()?;
        Ok(values.into_iter().map(to_byte).collect())
    }

    /// Returns a preview of latents `(1, channels, height, width)`: rows of RGB
    /// of that height and width, about the colors of their decode.
    ///
    /// # Errors
    /// Fails when the latents have other channels.
    pub fn preview(&self, latents: &Tensor) -> Result<Vec<u8>> {
        if let Some(colors) = self.colors.get() {
            return colors.rgb(latents);
        }
        let device = self.compute.device();
        let decode = |latents: &Tensor| self.decode(latents);
        let measured = LatentColors::measured(self.latent_channels, device, decode)?;
        self.colors.get_or_init(|| measured).rgb(latents)
    }
}
