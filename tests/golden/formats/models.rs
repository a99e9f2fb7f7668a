//! The tiny models of the formats: loaded strictly, then run once.

use candle_core::{DType, Device, Tensor};
use facegen_diffusion::{
    AdapterWeights, AutoencoderKl, AutoencoderKlConfig, Conditioning, ImagePrompt,
    UNet2DConditionConfig, UNet2DConditionModel, checkpoint,
};
use facegen_nn::clip::{ClipTextModel, ClipVisionModel};
use facegen_nn::{FeatureMap, NoiseSource, Result, Weights};
use serde::de::DeserializeOwned;

use super::path;
use crate::support::native;

/// Rank of the tiny adapter's LoRA.
pub(super) const LORA_RANK: usize = 2;
/// Width of the UNet's text tokens.
const WIDTH: usize = 64;

/// Reads a `config.json` of the formats.
fn config<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap()
}

fn normal(shape: &[usize]) -> Tensor {
    let values = NoiseSource::new(7).normal(shape.iter().product());
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Decodes an image.
pub(super) fn vae(weights: &Weights) -> Result<Tensor> {
    let weights = vae_weights(weights);
    let model = AutoencoderKl::load(&config("vae/config.json"), &weights, &native())?;
    weights.finish()?;
    model.decode(&normal(&[1, 4, 4, 4]))
}

/// Returns the VAE of a checkpoint under diffusers' names.
pub(super) fn vae_weights(weights: &Weights) -> Weights {
    checkpoint::vae(weights, &config::<AutoencoderKlConfig>("vae/config.json"))
}

/// Encodes a prompt.
pub(super) fn text_encoder(weights: &Weights) -> Result<Tensor> {
    let weights = checkpoint::text_encoder(weights);
    let config = config("text_encoder/config.json");
    let model = ClipTextModel::load(&config, &weights, &native())?;
    weights.finish()?;
    model.forward(&(0..40).collect::<Vec<u32>>())
}

fn image_encoder_model(weights: &Weights) -> Result<ClipVisionModel> {
    let config = config("image_encoder/config.json");
    let model = ClipVisionModel::load(&config, weights, &native())?;
    weights.finish()?;
    Ok(model)
}

/// Returns the hidden states that the adapter takes of an image.
pub(super) fn image_encoder(weights: &Weights) -> Result<Tensor> {
    image_encoder_model(weights)?.penultimate_hidden_state(&normal(&[1, 3, 28, 28]))
}

/// Returns the projected embedding of an image.
pub(super) fn projected_image_encoder(weights: &Weights) -> Result<Tensor> {
    image_encoder_model(weights)?.image_embeds(&normal(&[1, 3, 28, 28]))
}

/// Returns the UNet of a checkpoint under diffusers' names.
pub(super) fn unet_weights(weights: &Weights) -> Weights {
    let config: UNet2DConditionConfig = config("unet.config.json");
    checkpoint::unet(weights, &config)
}

/// Returns the noise that a UNet predicts.
pub(super) fn unet(weights: &Weights) -> Result<Tensor> {
    adapted_unet(weights, None)
}

/// Returns the noise that a UNet predicts with an adapter, of which only the
/// image projection is left to take.
pub(super) fn adapted_unet(weights: &Weights, adapter: Option<&AdapterWeights>) -> Result<Tensor> {
    let (compute, weights) = (native(), unet_weights(weights));
    let config: UNet2DConditionConfig = config("unet.config.json");
    let model = UNet2DConditionModel::load(&config, &weights, adapter, &compute)?;
    weights.finish()?;
    let image = adapter.map(|_| ImagePrompt {
        tokens: normal(&[1, 4, WIDTH]),
        scale: 1.0,
    });
    let text = normal(&[1, 77, WIDTH]);
    let conditioning = model.prepare(&Conditioning { text, image })?;
    let latents = FeatureMap::from_nchw(&normal(&[1, 4, 8, 8]), &compute)?;
    let noise = model.forward(&latents, &[500.0], &[&conditioning])?;
    Ok(noise.to_nchw()?.to_dtype(DType::F32)?)
}
