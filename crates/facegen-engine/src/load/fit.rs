use facegen_core::Preset;
use facegen_diffusion::{AutoencoderKlConfig, UNet2DConditionConfig};
use facegen_nn::clip::{ClipTextConfig, ClipVisionConfig};

use super::adapter::adapter;
use super::component;
use crate::EngineError;
use crate::sd15::denoise::{LATENT_CHANNELS, LATENT_SCALE};
use crate::sd15::prompt::PROMPT_TOKENS;

/// Side of the face crop that the image encoder gets.
const FACE_CROP: usize = 224;

/// Refuses a preset whose models do not match, before any is loaded: they would
/// load, and then every request would fail.
pub(super) fn check(preset: &Preset) -> Result<(), EngineError> {
    let components = preset.components();
    let unet: UNet2DConditionConfig = component::config(preset, &components.unet)?;
    let vae: AutoencoderKlConfig = component::config(preset, &components.vae)?;
    let text: ClipTextConfig = component::config(preset, &components.text_encoder)?;
    let vision: ClipVisionConfig = component::config(preset, &components.image_encoder)?;
    let adapter = adapter(preset)?;

    let pixels = 1usize.checked_shl(vae.block_out_channels.len().saturating_sub(1) as u32);
    let rules = [
        (
            [unet.in_channels, unet.out_channels, vae.latent_channels] == [LATENT_CHANNELS; 3],
            "latents do not have 4 channels",
        ),
        (
            pixels == Some(LATENT_SCALE),
            "the vae does not enlarge latents eightfold",
        ),
        (
            (preset.limits().size.multiple_of() as usize).is_multiple_of(LATENT_SCALE),
            "its limits allow sides that are no multiples of 8",
        ),
        (vae.out_channels == 3, "the vae does not decode to RGB"),
        (
            unet.cross_attention_dim == text.hidden_size,
            "the text encoder does not fit the unet",
        ),
        (
            unet.cross_attention_dim == adapter.cross_attention_dim(),
            "the adapter does not fit the unet",
        ),
        (
            adapter.clip_embedding_dim() == vision.hidden_size,
            "the image encoder does not fit the adapter",
        ),
        (
            vision.image_size == FACE_CROP,
            "the image encoder does not take 224x224 pixels",
        ),
        (
            text.max_position_embeddings >= PROMPT_TOKENS,
            "the text encoder takes less than 77 tokens",
        ),
    ];
    match rules.into_iter().find(|(holds, _)| !holds) {
        Some((_, reason)) => Err(preset.refusal(reason).into()),
        None => Ok(()),
    }
}
