use candle_core::Tensor;
use facegen_nn::{Compute, NnError, Result, Weights};
use serde::Deserialize;

use super::perceiver::{DEPTH, DIM_HEAD, FacePerceiverResampler};

/// Sizes of an IP-Adapter-Plus-Face; the defaults are those of its class.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlusFaceConfig {
    /// Width of the UNet's text tokens, and of the image tokens.
    pub cross_attention_dim: usize,
    /// Width of the image encoder's hidden states.
    pub clip_embedding_dim: usize,
    /// Image tokens of a face.
    pub num_tokens: usize,
}

impl Default for PlusFaceConfig {
    fn default() -> Self {
        Self {
            cross_attention_dim: 768,
            clip_embedding_dim: 1280,
            num_tokens: 16,
        }
    }
}

/// The `Resampler` of `ip-adapter-plus-face`: learnt latents that attend to the
/// hidden states of an image. It gets no identity of the face.
///
/// Follows IP-Adapter `ip_adapter/resampler.py` as `IPAdapterPlus` in
/// `ip_adapter/ip_adapter.py` builds it, at 62e4af9.
#[derive(Debug)]
pub struct PlusFaceProjection {
    /// `(1, num_tokens, cross_attention_dim)`.
    latents: Tensor,
    resampler: FacePerceiverResampler,
}

impl PlusFaceProjection {
    /// Loads the tensors below `image_proj` of an adapter.
    ///
    /// # Errors
    /// Fails when the width is no multiple of a head's, or a tensor is missing
    /// or has another shape.
    pub fn load(config: &PlusFaceConfig, weights: &Weights, compute: &Compute) -> Result<Self> {
        let width = config.cross_attention_dim;
        if width == 0 || !width.is_multiple_of(DIM_HEAD) {
            return Err(NnError::Config(format!(
                "adapter: a cross_attention_dim of {width} is no multiple of {DIM_HEAD}"
            )));
        }
        let latents = weights.get("latents", &[1, config.num_tokens, width])?;
        let image_width = config.clip_embedding_dim;
        Ok(Self {
            latents: latents
                .to_dtype(compute.dtype())?
                .to_device(compute.device())?,
            resampler: FacePerceiverResampler::load(width, image_width, DEPTH, weights, compute)?,
        })
    }

    /// Projects `clip_hidden_states` `(batch, patches, clip_embedding_dim)`,
    /// the penultimate ones, to image tokens `(batch, num_tokens,
    /// cross_attention_dim)`.
    ///
    /// # Errors
    /// Fails when a width does not fit the adapter.
    pub fn forward(&self, clip_hidden_states: &Tensor) -> Result<Tensor> {
        let latents = self.latents.repeat((clip_hidden_states.dim(0)?, 1, 1))?;
        self.resampler.forward(&latents, clip_hidden_states)
    }
}
