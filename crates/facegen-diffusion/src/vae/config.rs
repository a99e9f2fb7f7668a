use facegen_nn::layers::Activation;
use facegen_nn::{NnError, Result};
use serde::Deserialize;

/// `config.json` of a VAE, as far as its decoder uses it.
#[derive(Clone, Debug, Deserialize)]
pub struct AutoencoderKlConfig {
    /// Channels of the image.
    pub out_channels: usize,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Channels of each level, from the finest.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of an encoder's level; the decoder has one more.
    pub layers_per_block: usize,
    /// Groups of every group norm.
    pub norm_num_groups: usize,
    /// Standard deviation of the latents that the UNet sees.
    #[serde(default = "scaling_factor")]
    pub scaling_factor: f64,
    /// Mean of the latents in newer models; not supported.
    #[serde(default)]
    shift_factor: Option<f64>,
    /// Activation of the residual blocks; only silu is supported.
    #[serde(default = "act_fn")]
    act_fn: Activation,
}

impl AutoencoderKlConfig {
    /// Rejects configs that this implementation would compute incorrectly.
    pub(super) fn check(&self) -> Result<()> {
        let refusal = if self.act_fn != Activation::Silu {
            "act_fn other than silu"
        } else if self.shift_factor.is_some_and(|shift| shift != 0.0) {
            "shift_factor is not supported"
        } else if self.scaling_factor <= 0.0 {
            "scaling_factor is not positive"
        } else {
            return Ok(());
        };
        Err(NnError::Config(format!("vae: {refusal}")))
    }
}

fn act_fn() -> Activation {
    Activation::Silu
}

fn scaling_factor() -> f64 {
    0.18215
}
