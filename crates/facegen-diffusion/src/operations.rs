//! How much the UNet computes in a denoising step, from its config alone.

use crate::unet::UNet2DConditionConfig;
use crate::unet::config::{DownBlockType, UpBlockType};

/// Tokens of a prompt. Those of the image add hardly anything.
const TEXT_TOKENS: usize = 77;

/// Returns the multiplications and additions of a matrix product.
const fn product(rows: usize, input: usize, output: usize) -> usize {
    2 * rows * input * output
}

const fn conv3(area: usize, input: usize, output: usize) -> usize {
    product(area, 9 * input, output)
}

/// Returns those of a residual block, without its norms.
const fn resnet(area: usize, input: usize, output: usize) -> usize {
    let shortcut = if input == output {
        0
    } else {
        product(area, input, output)
    };
    conv3(area, input, output) + conv3(area, output, output) + shortcut
}

/// Returns those of a transformer of one block. Keys and values of the prompt
/// are computed once for all steps.
const fn transformer(area: usize, channels: usize) -> usize {
    // Projections around the block: 2; self-attention: 4; cross-attention: 2;
    // feed-forward: 8 into the gate and its values, 4 out of it.
    let linear = product(area, channels, (2 + 4 + 2 + 8 + 4) * channels);
    let attention = 2 * product(area, channels, area + TEXT_TOKENS);
    linear + attention
}

/// Returns those of an upsampler of images that become four times this area: of
/// the nine weights of each pixel, some meet the same pixel, so four kernels of
/// 2×2 do the same.
const fn upsampler(area: usize, channels: usize) -> usize {
    4 * product(area, 4 * channels, channels)
}

impl UNet2DConditionConfig {
    /// Returns how many multiplications and additions of matrix products and
    /// convolutions one step takes for one row of a batch: an image has two with
    /// guidance, one without. Norms and activations are not counted.
    #[must_use]
    pub fn operations(&self, height: usize, width: usize) -> usize {
        let (Some(&first), Some(&last)) = (
            self.block_out_channels.first(),
            self.block_out_channels.last(),
        ) else {
            return 0;
        };
        let area = height * width;
        let smallest = area >> (2 * (self.levels() - 1));
        let mid = 2 * resnet(smallest, last, last) + transformer(smallest, last);
        conv3(area, self.in_channels, first)
            + self.down_operations(area)
            + mid
            + self.up_operations(smallest)
            + conv3(area, first, self.out_channels)
    }

    fn down_operations(&self, mut area: usize) -> usize {
        let levels = self.block_out_channels.iter().zip(&self.down_block_types);
        let (mut input, mut sum) = (self.block_out_channels[0], 0);
        for (level, (&channels, kind)) in levels.enumerate() {
            for _ in 0..self.layers_per_block {
                sum += resnet(area, input, channels);
                input = channels;
                if *kind == DownBlockType::CrossAttnDownBlock2D {
                    sum += transformer(area, channels);
                }
            }
            if level + 1 < self.levels() {
                area /= 4;
                sum += conv3(area, channels, channels);
            }
        }
        sum
    }

    fn up_operations(&self, mut area: usize) -> usize {
        let mut skips = self.skip_channels();
        let channels = self.block_out_channels.iter().rev();
        let mut input = self.block_out_channels.last().copied().unwrap_or(0);
        let mut sum = 0;
        for (level, (&channels, kind)) in channels.zip(&self.up_block_types).enumerate() {
            for _ in 0..=self.layers_per_block {
                sum += resnet(area, input + skips.pop().unwrap_or(0), channels);
                input = channels;
                if *kind == UpBlockType::CrossAttnUpBlock2D {
                    sum += transformer(area, channels);
                }
            }
            if level + 1 < self.levels() {
                sum += upsampler(area, channels);
                area *= 4;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(path: &str) -> UNet2DConditionConfig {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/");
        let text = std::fs::read_to_string(format!("{root}{path}")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// 800 billion are known of the published UNet at this size, 38 of them for
    /// what the four kernels of an upsampler spare.
    #[test]
    fn a_row_of_the_published_size_has_762_billion() {
        let billions = config("sd15/unet/config.json").operations(64, 64) / 1_000_000_000;
        assert_eq!(billions, 762);
    }

    #[test]
    fn they_grow_with_the_image_and_faster_where_tokens_attend() {
        let config = config("demo/unet/config.json");
        let (small, large) = (config.operations(32, 32), config.operations(64, 64));
        assert!(large > 4 * small, "{small} {large}");
        assert_eq!(config.operations(32, 64), config.operations(64, 32));
    }
}
