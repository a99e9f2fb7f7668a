use std::iter::once;

use facegen_nn::layers::{Conv2d, Conv2dConfig, GroupNorm};
use facegen_nn::{Compute, FeatureMap, NnError, Result, Weights};

use super::attention::VaeAttention;
use super::config::AutoencoderKlConfig;
use crate::resnet::{ResnetBlock2D, ResnetConfig};

/// Epsilon of every group norm.
const EPS: f64 = 1e-6;

/// `Decoder`: turns latents, after `post_quant_conv`, into an image in [-1, 1].
#[derive(Debug)]
pub(super) struct Decoder {
    conv_in: Conv2d,
    mid_first: ResnetBlock2D,
    mid_attention: VaeAttention,
    mid_last: ResnetBlock2D,
    up_blocks: Vec<UpDecoderBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

/// Residual blocks of one level and the upsampler to the next.
#[derive(Debug)]
struct UpDecoderBlock {
    resnets: Vec<ResnetBlock2D>,
    upsampler: Option<Conv2d>,
}

/// A stage of a decode; other work can be done between two stages.
pub(super) enum Stage<'a> {
    Mid(&'a Decoder),
    Resnet(&'a ResnetBlock2D),
    Upsample(&'a Conv2d),
    Out(&'a Decoder),
}

impl Decoder {
    pub(super) fn load(
        config: &AutoencoderKlConfig,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Self> {
        let (Some(&first), Some(&last)) = (
            config.block_out_channels.first(),
            config.block_out_channels.last(),
        ) else {
            return Err(NnError::Config("vae: no levels".into()));
        };
        let groups = config.norm_num_groups;
        let (mid, norm_out) = (weights.pp("mid_block"), weights.pp("conv_norm_out"));
        let conv = |name: &str, input: usize, output: usize| {
            Conv2d::load(
                &weights.pp(name),
                &Conv2dConfig::new(input, output, 3).padding(1),
                compute,
            )
        };
        let mid_resnet =
            |index: usize| resnet(last, last, groups, &mid.pp("resnets").pp(index), compute);
        let levels = config.block_out_channels.len();
        let up_block = |index: usize| UpDecoderBlock::load(config, index, weights, compute);
        Ok(Self {
            conv_in: conv("conv_in", config.latent_channels, last)?,
            mid_first: mid_resnet(0)?,
            mid_attention: VaeAttention::load(last, groups, &mid.pp("attentions.0"), compute)?,
            mid_last: mid_resnet(1)?,
            up_blocks: (0..levels).map(up_block).collect::<Result<_>>()?,
            conv_norm_out: GroupNorm::load(&norm_out, groups, first, EPS, compute)?,
            conv_out: conv("conv_out", first, config.out_channels)?,
        })
    }

    /// Lists its stages in the order that they run; the first takes latents.
    pub(super) fn stages(&self) -> impl Iterator<Item = Stage<'_>> {
        let up = self.up_blocks.iter().flat_map(UpDecoderBlock::stages);
        once(Stage::Mid(self)).chain(up).chain([Stage::Out(self)])
    }

    fn mid_block(&self, latents: &FeatureMap) -> Result<FeatureMap> {
        let hidden_states = self
            .mid_first
            .forward(&self.conv_in.forward(latents)?, None)?;
        let hidden_states = self.mid_attention.forward(&hidden_states)?;
        self.mid_last.forward(&hidden_states, None)
    }
}

impl UpDecoderBlock {
    /// Loads a level; `index` counts from the coarsest one.
    fn load(
        config: &AutoencoderKlConfig,
        index: usize,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Self> {
        let levels = config.block_out_channels.len();
        let level = levels - 1 - index;
        let channels = config.block_out_channels[level];
        let previous = config.block_out_channels[(level + 1).min(levels - 1)];
        let weights = weights.pp("up_blocks").pp(index);
        let resnet = |number: usize| {
            let input = if number == 0 { previous } else { channels };
            resnet(
                input,
                channels,
                config.norm_num_groups,
                &weights.pp("resnets").pp(number),
                compute,
            )
        };
        let upsampler = (level > 0).then(|| {
            let conv = Conv2dConfig::new(channels, channels, 3)
                .padding(1)
                .upsampling();
            Conv2d::load(&weights.pp("upsamplers.0.conv"), &conv, compute)
        });
        Ok(Self {
            resnets: (0..=config.layers_per_block)
                .map(resnet)
                .collect::<Result<_>>()?,
            upsampler: upsampler.transpose()?,
        })
    }

    fn stages(&self) -> impl Iterator<Item = Stage<'_>> {
        let resnets = self.resnets.iter().map(Stage::Resnet);
        resnets.chain(self.upsampler.as_ref().map(Stage::Upsample))
    }
}

impl Stage<'_> {
    pub(super) fn forward(self, hidden_states: &FeatureMap) -> Result<FeatureMap> {
        match self {
            Self::Mid(decoder) => decoder.mid_block(hidden_states),
            Self::Resnet(resnet) => resnet.forward(hidden_states, None),
            Self::Upsample(conv) => {
                let (height, width) = (2 * hidden_states.height(), 2 * hidden_states.width());
                conv.forward_upsampled(hidden_states, height, width)
            }
            Self::Out(decoder) => {
                let normed = decoder.conv_norm_out.forward_silu(hidden_states)?;
                decoder.conv_out.forward(&normed)
            }
        }
    }
}

fn resnet(
    input: usize,
    output: usize,
    groups: usize,
    weights: &Weights,
    compute: &Compute,
) -> Result<ResnetBlock2D> {
    let config = ResnetConfig {
        in_channels: input,
        out_channels: output,
        time_embed_dim: None,
        groups,
        eps: EPS,
    };
    ResnetBlock2D::load(&config, weights, compute)
}
