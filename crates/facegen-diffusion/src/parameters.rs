//! How many parameters the networks have, from their configs alone.

use crate::image_projection::PlusFaceConfig;
use crate::unet::UNet2DConditionConfig;
use crate::unet::config::{DownBlockType, UpBlockType};
use crate::{AutoencoderKlConfig, FaceIdPlusConfig};

/// Layers of a perceiver, and the width of its feed-forward layer over its own.
const PERCEIVER: (usize, usize) = (4, 4);

const fn linear(input: usize, output: usize) -> usize {
    input * output + output
}

const fn conv3(input: usize, output: usize) -> usize {
    9 * input * output + output
}

const fn norm(width: usize) -> usize {
    2 * width
}

/// Returns the parameters of a residual block; `time` is the width of its time
/// embedding.
fn resnet(input: usize, output: usize, time: Option<usize>) -> usize {
    let shortcut = if input == output {
        0
    } else {
        linear(input, output)
    };
    norm(input)
        + conv3(input, output)
        + time.map_or(0, |time| linear(time, output))
        + norm(output)
        + conv3(output, output)
        + shortcut
}

impl UNet2DConditionConfig {
    /// Returns how many parameters the UNet has, without those of an adapter.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let (Some(&first), Some(&last)) = (
            self.block_out_channels.first(),
            self.block_out_channels.last(),
        ) else {
            return 0;
        };
        let time = self.time_embed_dim();
        let mid = 2 * resnet(last, last, Some(time)) + self.transformer(last);
        conv3(self.in_channels, first)
            + linear(first, time)
            + linear(time, time)
            + self.down_blocks()
            + mid
            + self.up_blocks()
            + norm(first)
            + conv3(first, self.out_channels)
    }

    /// Returns how many parameters an adapter adds to the cross-attentions: keys
    /// and values of image tokens.
    #[must_use]
    pub fn adapter_parameters(&self) -> usize {
        let channels = self.block_out_channels.iter();
        let down = channels.clone().zip(&self.down_block_types);
        let down = down.filter(|(_, kind)| **kind == DownBlockType::CrossAttnDownBlock2D);
        let up = channels.clone().rev().zip(&self.up_block_types);
        let up = up.filter(|(_, kind)| **kind == UpBlockType::CrossAttnUpBlock2D);
        let down = down.map(|(channels, _)| channels * self.layers_per_block);
        let up = up.map(|(channels, _)| channels * (self.layers_per_block + 1));
        let mid = self.block_out_channels.last().copied().unwrap_or(0);
        2 * self.cross_attention_dim * (down.sum::<usize>() + mid + up.sum::<usize>())
    }

    fn down_blocks(&self) -> usize {
        let (levels, time) = (self.levels(), Some(self.time_embed_dim()));
        let mut input = self.block_out_channels[0];
        let blocks = self.block_out_channels.iter().zip(&self.down_block_types);
        let block = |(level, (&channels, kind)): (usize, (&usize, &DownBlockType))| {
            let resnets = resnet(input, channels, time)
                + (self.layers_per_block - 1) * resnet(channels, channels, time);
            input = channels;
            let transformers = match kind {
                DownBlockType::CrossAttnDownBlock2D => {
                    self.layers_per_block * self.transformer(channels)
                }
                DownBlockType::DownBlock2D => 0,
            };
            let is_last = level + 1 == levels;
            let downsampler = if is_last {
                0
            } else {
                conv3(channels, channels)
            };
            resnets + transformers + downsampler
        };
        blocks.enumerate().map(block).sum()
    }

    fn up_blocks(&self) -> usize {
        let mut skips = self.skip_channels();
        let mut input = self.block_out_channels.last().copied().unwrap_or(0);
        let blocks = self
            .block_out_channels
            .iter()
            .rev()
            .zip(&self.up_block_types);
        let mut sum = 0;
        for (index, (&channels, kind)) in blocks.enumerate() {
            for _ in 0..=self.layers_per_block {
                let skip = skips.pop().unwrap_or(0);
                sum += resnet(input + skip, channels, Some(self.time_embed_dim()));
                input = channels;
                if *kind == UpBlockType::CrossAttnUpBlock2D {
                    sum += self.transformer(channels);
                }
            }
            if index + 1 < self.levels() {
                sum += conv3(channels, channels);
            }
        }
        sum
    }

    /// Returns the channels of what the down path hands to the up path.
    pub(crate) fn skip_channels(&self) -> Vec<usize> {
        let mut skips = vec![self.block_out_channels[0]];
        for (level, &channels) in self.block_out_channels.iter().enumerate() {
            let is_last = level + 1 == self.levels();
            let count = self.layers_per_block + usize::from(!is_last);
            skips.extend(std::iter::repeat_n(channels, count));
        }
        skips
    }

    /// Returns the parameters of a transformer of one block.
    fn transformer(&self, channels: usize) -> usize {
        let (square, context) = (channels * channels, self.cross_attention_dim);
        let self_attention = 3 * square + linear(channels, channels);
        let cross_attention = square + 2 * context * channels + linear(channels, channels);
        let feed_forward = linear(channels, 8 * channels) + linear(4 * channels, channels);
        norm(channels)
            + 2 * linear(channels, channels)
            + 3 * norm(channels)
            + self_attention
            + cross_attention
            + feed_forward
    }
}

impl AutoencoderKlConfig {
    /// Returns how many parameters the decoder has.
    #[must_use]
    pub fn decoder_parameters(&self) -> usize {
        let (Some(&first), Some(&last)) = (
            self.block_out_channels.first(),
            self.block_out_channels.last(),
        ) else {
            return 0;
        };
        let latent = self.latent_channels;
        let attention = norm(last) + 4 * linear(last, last);
        let mut input = last;
        let level = |(level, &channels): (usize, &usize)| {
            let resnets = resnet(input, channels, None)
                + self.layers_per_block * resnet(channels, channels, None);
            input = channels;
            let upsampler = if level == 0 {
                0
            } else {
                conv3(channels, channels)
            };
            resnets + upsampler
        };
        let levels = self.block_out_channels.iter().enumerate().rev();
        linear(latent, latent)
            + conv3(latent, last)
            + 2 * resnet(last, last, None)
            + attention
            + levels.map(level).sum::<usize>()
            + norm(first)
            + conv3(first, self.out_channels)
    }
}

/// Returns the parameters of a perceiver.
fn perceiver(width: usize, image_width: usize) -> usize {
    let (depth, widening) = PERCEIVER;
    let attention = 2 * norm(width) + 4 * width * width;
    let feed_forward = norm(width) + 2 * widening * width * width;
    linear(image_width, width)
        + depth * (attention + feed_forward)
        + linear(width, width)
        + norm(width)
}

impl FaceIdPlusConfig {
    /// Returns how many parameters the projection has. The LoRA becomes part of
    /// the UNet.
    #[must_use]
    pub fn projection_parameters(&self) -> usize {
        let (id, width) = (self.id_embedding_dim, self.cross_attention_dim);
        linear(id, 2 * id)
            + linear(2 * id, width * self.num_tokens)
            + norm(width)
            + perceiver(width, self.clip_embedding_dim)
    }
}

impl PlusFaceConfig {
    /// Returns how many parameters the projection has.
    #[must_use]
    pub fn projection_parameters(&self) -> usize {
        self.num_tokens * self.cross_attention_dim
            + perceiver(self.cross_attention_dim, self.clip_embedding_dim)
    }
}
