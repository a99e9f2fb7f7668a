use serde::Deserialize;

/// `config.json` of a VAE, as far as its decoder goes.
#[derive(Clone, Debug, Deserialize)]
pub struct AutoencoderKlConfig {
    /// Channels of the picture.
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
}

fn scaling_factor() -> f64 {
    0.18215
}
