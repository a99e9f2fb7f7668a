use facegen_nn::layers::Activation;
use facegen_nn::{NnError, Result};
use serde::Deserialize;

/// Limits that keep a broken config from allocating all memory.
const MOST_LAYERS: usize = 16;
const MOST_CHANNELS: usize = 1 << 16;

/// `config.json` of a UNet, as far as Stable Diffusion 1.5 uses it.
#[derive(Clone, Debug, Deserialize)]
pub struct UNet2DConditionConfig {
    /// Channels of the latents.
    pub in_channels: usize,
    /// Channels of the prediction.
    pub out_channels: usize,
    /// Channels of each level, from the finest.
    pub block_out_channels: Vec<usize>,
    /// Type of each level of the down path.
    pub down_block_types: Vec<DownBlockType>,
    /// Type of each level of the up path.
    pub up_block_types: Vec<UpBlockType>,
    /// Residual blocks of a level; one more in the up path.
    pub layers_per_block: usize,
    /// Width of the text tokens.
    pub cross_attention_dim: usize,
    /// Number of *heads* of each level: the published configs use this name for
    /// it, and diffusers keeps it.
    pub attention_head_dim: HeadCounts,
    /// Groups of every group norm.
    pub norm_num_groups: usize,
    /// Epsilon of the residual blocks' group norms.
    #[serde(default = "defaults::norm_eps")]
    pub norm_eps: f64,
    /// Activation of residual blocks and time embedding.
    #[serde(default = "defaults::act_fn")]
    pub act_fn: Activation,
    /// Whether cosines come before sines in the time embedding.
    #[serde(default = "defaults::yes")]
    pub flip_sin_to_cos: bool,
    /// Shift of the frequencies in the time embedding.
    #[serde(default)]
    pub freq_shift: f64,
    /// Overrides the number of heads in newer models; not supported.
    #[serde(default)]
    num_attention_heads: Option<HeadCounts>,
    /// Whether latents are first moved to -1 to 1; not supported.
    #[serde(default)]
    center_input_sample: bool,
    /// Zeros around the input of a downsampler; only 1 is supported.
    #[serde(default = "defaults::one")]
    downsample_padding: usize,
    /// Divisor in the middle block's residual blocks; only 1 is supported.
    #[serde(default = "defaults::unit")]
    mid_block_scale_factor: f64,
    /// Whether linear layers replace 1×1 convolutions; not supported.
    #[serde(default)]
    use_linear_projection: bool,
    /// Class conditioning; not supported.
    #[serde(default)]
    class_embed_type: Option<String>,
    /// Additional conditioning of larger models; not supported.
    #[serde(default)]
    addition_embed_type: Option<String>,
}

/// One number of heads for all levels, or one for each.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum HeadCounts {
    /// The same for every level.
    Same(usize),
    /// From the finest level.
    PerLevel(Vec<usize>),
}

/// A level of the down path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum DownBlockType {
    /// Residual blocks, each followed by a transformer.
    CrossAttnDownBlock2D,
    /// Residual blocks only.
    DownBlock2D,
}

/// A level of the up path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum UpBlockType {
    /// Residual blocks, each followed by a transformer.
    CrossAttnUpBlock2D,
    /// Residual blocks only.
    UpBlock2D,
}

impl UNet2DConditionConfig {
    /// Returns the number of levels of the UNet.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.block_out_channels.len()
    }

    /// Returns the width of the time embedding after its MLP.
    #[must_use]
    pub fn time_embed_dim(&self) -> usize {
        self.block_out_channels
            .first()
            .map_or(0, |channels| 4 * channels)
    }

    /// Returns the heads of a level's transformers.
    pub(super) fn heads(&self, level: usize) -> usize {
        match &self.attention_head_dim {
            HeadCounts::Same(heads) => *heads,
            HeadCounts::PerLevel(heads) => heads[level],
        }
    }

    /// Rejects configs that this implementation would compute incorrectly.
    pub(super) fn check(&self) -> Result<()> {
        let levels = self.levels();
        let per_level = match &self.attention_head_dim {
            HeadCounts::Same(_) => levels,
            HeadCounts::PerLevel(heads) => heads.len(),
        };
        let lists = [
            self.down_block_types.len(),
            self.up_block_types.len(),
            per_level,
        ];
        let refusal = if levels == 0 || lists.iter().any(|&length| length != levels) {
            "the lists of levels differ in length"
        } else if (0..levels).any(|level| !self.fits_heads(level)) {
            "the heads of a level do not divide its channels"
        } else if self.act_fn != Activation::Silu {
            "act_fn other than silu"
        } else if !(1..=MOST_LAYERS).contains(&self.layers_per_block)
            || self
                .block_out_channels
                .iter()
                .any(|channels| !(1..=MOST_CHANNELS).contains(channels))
        {
            "a number of layers or channels that no model has"
        } else if self.freq_shift >= self.block_out_channels[0] as f64 / 2.0 {
            "freq_shift leaves no frequencies"
        } else if self.num_attention_heads.is_some()
            || self.center_input_sample
            || self.downsample_padding != 1
            || self.mid_block_scale_factor != 1.0
        {
            "num_attention_heads, center_input_sample, downsample_padding or \
             mid_block_scale_factor has a value that is not supported"
        } else if self.use_linear_projection {
            "use_linear_projection is not supported"
        } else if self.class_embed_type.is_some() || self.addition_embed_type.is_some() {
            "class and addition embeddings are not supported"
        } else {
            return Ok(());
        };
        Err(NnError::Config(format!("unet: {refusal}")))
    }

    fn fits_heads(&self, level: usize) -> bool {
        let heads = self.heads(level);
        heads > 0 && self.block_out_channels[level].is_multiple_of(heads)
    }
}

mod defaults {
    use facegen_nn::layers::Activation;

    pub(super) fn norm_eps() -> f64 {
        1e-5
    }
    pub(super) fn act_fn() -> Activation {
        Activation::Silu
    }
    pub(super) fn one() -> usize {
        1
    }
    pub(super) fn unit() -> f64 {
        1.0
    }
    pub(super) fn yes() -> bool {
        true
    }
}
