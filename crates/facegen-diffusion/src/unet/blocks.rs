use facegen_nn::layers::{Conv2d, Conv2dConfig};
use facegen_nn::{FeatureMap, NnError, Result, Weights};

use super::config::{DownBlockType, UpBlockType};
use super::context::Context;
use super::load::Loader;
use super::transformer::Transformer2DModel;
use crate::resnet::{ResnetBlock2D, ResnetConfig};

/// A residual block and, on levels with attention, its transformer.
#[derive(Debug)]
struct Layer {
    resnet: ResnetBlock2D,
    transformer: Option<Transformer2DModel>,
}

impl Layer {
    fn forward(&self, input: &FeatureMap, context: &Context<'_>) -> Result<FeatureMap> {
        let hidden_states = self
            .resnet
            .forward(input, Some(context.time_embedding(input)))?;
        match &self.transformer {
            Some(transformer) => transformer.forward(&hidden_states, context),
            None => Ok(hidden_states),
        }
    }
}

/// A level of the down path: `CrossAttnDownBlock2D` or `DownBlock2D`.
#[derive(Debug)]
pub(super) struct DownBlock {
    layers: Vec<Layer>,
    downsampler: Option<Conv2d>,
}

impl DownBlock {
    /// Returns whether its first layer reads the conditioning.
    pub(super) fn begins_with_attention(&self) -> bool {
        self.layers
            .first()
            .is_some_and(|layer| layer.transformer.is_some())
    }

    pub(super) fn load(loader: &Loader<'_>, level: usize, weights: &Weights) -> Result<Self> {
        let config = loader.config;
        let (name, channels) = (
            format!("down_blocks.{level}"),
            config.block_out_channels[level],
        );
        let weights = weights.pp(&name);
        let input = config.block_out_channels[level.saturating_sub(1)];
        let attends = config.down_block_types[level] == DownBlockType::CrossAttnDownBlock2D;
        let layer = |index: usize| -> Result<Layer> {
            let in_channels = if index == 0 { input } else { channels };
            let resnet = resnet(
                loader,
                in_channels,
                channels,
                &weights.pp("resnets").pp(index),
            )?;
            let transformer = attends.then(|| transformer(loader, &name, index, level, &weights));
            Ok(Layer {
                resnet,
                transformer: transformer.transpose()?,
            })
        };
        let downsampler = (level + 1 < config.levels()).then(|| {
            let conv = Conv2dConfig::new(channels, channels, 3)
                .stride(2)
                .padding(1);
            Conv2d::load(&weights.pp("downsamplers.0.conv"), &conv, loader.compute)
        });
        Ok(Self {
            layers: (0..config.layers_per_block)
                .map(layer)
                .collect::<Result<_>>()?,
            downsampler: downsampler.transpose()?,
        })
    }

    /// Pushes every intermediate result onto `skips` and returns the last.
    pub(super) fn forward(
        &self,
        mut hidden_states: FeatureMap,
        skips: &mut Vec<FeatureMap>,
        context: &Context<'_>,
    ) -> Result<FeatureMap> {
        for layer in &self.layers {
            hidden_states = layer.forward(&hidden_states, context)?;
            skips.push(hidden_states.clone());
        }
        if let Some(downsampler) = &self.downsampler {
            hidden_states = downsampler.forward(&hidden_states)?;
            skips.push(hidden_states.clone());
        }
        Ok(hidden_states)
    }
}

/// `UNetMidBlock2DCrossAttn`: the coarsest level.
#[derive(Debug)]
pub(super) struct MidBlock {
    first: Layer,
    last: ResnetBlock2D,
}

impl MidBlock {
    pub(super) fn load(loader: &Loader<'_>, weights: &Weights) -> Result<Self> {
        let level = loader.config.levels() - 1;
        let channels = loader.config.block_out_channels[level];
        let weights = weights.pp("mid_block");
        let resnet =
            |index: usize| resnet(loader, channels, channels, &weights.pp("resnets").pp(index));
        Ok(Self {
            first: Layer {
                resnet: resnet(0)?,
                transformer: Some(transformer(loader, "mid_block", 0, level, &weights)?),
            },
            last: resnet(1)?,
        })
    }

    pub(super) fn forward(&self, input: &FeatureMap, context: &Context<'_>) -> Result<FeatureMap> {
        let hidden_states = self.first.forward(input, context)?;
        self.last
            .forward(&hidden_states, Some(context.time_embedding(&hidden_states)))
    }
}

/// A level of the up path: `CrossAttnUpBlock2D` or `UpBlock2D`.
#[derive(Debug)]
pub(super) struct UpBlock {
    layers: Vec<Layer>,
    upsampler: Option<Conv2d>,
}

impl UpBlock {
    /// Loads a level; `index` counts from the coarsest one.
    pub(super) fn load(loader: &Loader<'_>, index: usize, weights: &Weights) -> Result<Self> {
        let config = loader.config;
        let (name, level) = (format!("up_blocks.{index}"), config.levels() - 1 - index);
        let weights = weights.pp(&name);
        let channels = config.block_out_channels[level];
        let previous = config.block_out_channels[(level + 1).min(config.levels() - 1)];
        let skip_of_last = config.block_out_channels[level.saturating_sub(1)];
        let attends = config.up_block_types[index] == UpBlockType::CrossAttnUpBlock2D;
        let layer = |number: usize| -> Result<Layer> {
            let input = if number == 0 { previous } else { channels };
            let skip = if number == config.layers_per_block {
                skip_of_last
            } else {
                channels
            };
            let resnet = resnet(
                loader,
                input + skip,
                channels,
                &weights.pp("resnets").pp(number),
            )?;
            let transformer = attends.then(|| transformer(loader, &name, number, level, &weights));
            Ok(Layer {
                resnet,
                transformer: transformer.transpose()?,
            })
        };
        let upsampler = (level > 0).then(|| {
            let conv = Conv2dConfig::new(channels, channels, 3)
                .padding(1)
                .upsampling_to_any_size();
            Conv2d::load(&weights.pp("upsamplers.0.conv"), &conv, loader.compute)
        });
        Ok(Self {
            layers: (0..=config.layers_per_block)
                .map(layer)
                .collect::<Result<_>>()?,
            upsampler: upsampler.transpose()?,
        })
    }

    /// Consumes one of `skips` for each layer, the newest first.
    pub(super) fn forward(
        &self,
        mut hidden_states: FeatureMap,
        skips: &mut Vec<FeatureMap>,
        context: &Context<'_>,
    ) -> Result<FeatureMap> {
        for layer in &self.layers {
            let skip = skips
                .pop()
                .ok_or_else(|| NnError::Config("unet: too few skip connections".into()))?;
            hidden_states = layer.forward(&hidden_states.concat_channels(&skip)?, context)?;
        }
        match (&self.upsampler, skips.last()) {
            // Odd sizes were rounded up in the down path, so the next level
            // takes the size of its skip connections.
            (Some(upsampler), Some(skip)) => {
                upsampler.forward_upsampled(&hidden_states, skip.height(), skip.width())
            }
            _ => Ok(hidden_states),
        }
    }
}

fn resnet(
    loader: &Loader<'_>,
    input: usize,
    output: usize,
    weights: &Weights,
) -> Result<ResnetBlock2D> {
    let config = ResnetConfig {
        in_channels: input,
        out_channels: output,
        time_embed_dim: Some(loader.config.time_embed_dim()),
        groups: loader.config.norm_num_groups,
        eps: loader.config.norm_eps,
    };
    ResnetBlock2D::load(&config, weights, loader.compute)
}

/// Loads the transformer of one layer of `block`; `weights` are the block's.
fn transformer(
    loader: &Loader<'_>,
    block: &str,
    index: usize,
    level: usize,
    weights: &Weights,
) -> Result<Transformer2DModel> {
    let name = format!("{block}.attentions.{index}");
    Transformer2DModel::load(loader, &name, level, &weights.pp("attentions").pp(index))
}
