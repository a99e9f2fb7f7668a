use serde::Deserialize;

use crate::layers::Activation;
use crate::{NnError, Result};

/// `config.json` of a CLIP text encoder.
#[derive(Clone, Debug, Deserialize)]
pub struct ClipTextConfig {
    /// Entries of the token embedding.
    pub vocab_size: usize,
    /// Width of a token.
    pub hidden_size: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Heads of each attention.
    pub num_attention_heads: usize,
    /// Tokens in a prompt, 77.
    pub max_position_embeddings: usize,
    /// Activation of the MLP; transformers leaves the default out of the file.
    #[serde(default = "quick_gelu")]
    pub hidden_act: Activation,
    /// Epsilon of every layer norm.
    #[serde(default = "layer_norm_eps")]
    pub layer_norm_eps: f64,
}

/// `config.json` of a CLIP image encoder.
#[derive(Clone, Debug, Deserialize)]
pub struct ClipVisionConfig {
    /// Width of a token.
    pub hidden_size: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Heads of each attention.
    pub num_attention_heads: usize,
    /// Side of the square image, in pixels.
    pub image_size: usize,
    /// Side of a square patch, in pixels.
    pub patch_size: usize,
    /// Width of the image embedding after the projection.
    pub projection_dim: usize,
    /// Activation of the MLP: `gelu` for ViT-H/14, `quick_gelu` for ViT-L/14.
    #[serde(default = "quick_gelu")]
    pub hidden_act: Activation,
    /// Epsilon of every layer norm.
    #[serde(default = "layer_norm_eps")]
    pub layer_norm_eps: f64,
}

impl ClipTextConfig {
    pub(super) fn check(&self) -> Result<()> {
        check_heads(self.hidden_size, self.num_attention_heads)
    }
}

impl ClipVisionConfig {
    pub(super) fn check(&self) -> Result<()> {
        if self.patch_size == 0 || self.image_size < self.patch_size {
            return Err(NnError::Config(
                "clip: an image smaller than a patch".into(),
            ));
        }
        check_heads(self.hidden_size, self.num_attention_heads)
    }

    /// Returns the tokens of an image: its patches and the class token.
    #[must_use]
    pub fn tokens(&self) -> usize {
        (self.image_size / self.patch_size).pow(2) + 1
    }
}

fn check_heads(width: usize, heads: usize) -> Result<()> {
    if width > 0 && heads > 0 && width.is_multiple_of(heads) {
        return Ok(());
    }
    Err(NnError::Config(format!(
        "clip: {heads} heads do not divide a width of {width}"
    )))
}

fn quick_gelu() -> Activation {
    Activation::QuickGelu
}

fn layer_norm_eps() -> f64 {
    1e-5
}
