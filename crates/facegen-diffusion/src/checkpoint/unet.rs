use facegen_nn::Weights;
use facegen_nn::weights::NewName;

use super::has_prefix;
use super::names::{replace_start, split_number};
use crate::UNet2DConditionConfig;

const PREFIX: &str = "model.diffusion_model.";

const OUTER: [(&str, &str); 5] = [
    ("time_embed.0", "time_embedding.linear_1"),
    ("time_embed.2", "time_embedding.linear_2"),
    ("input_blocks.0.0", "conv_in"),
    ("out.0", "conv_norm_out"),
    ("out.2", "conv_out"),
];
const RESNET: [(&str, &str); 6] = [
    ("in_layers.0", "norm1"),
    ("in_layers.2", "conv1"),
    ("out_layers.0", "norm2"),
    ("out_layers.3", "conv2"),
    ("emb_layers.1", "time_emb_proj"),
    ("skip_connection", "conv_shortcut"),
];

/// Presents the UNet of an original checkpoint under diffusers' names.
#[must_use]
pub fn unet(weights: &Weights, config: &UNet2DConditionConfig) -> Weights {
    if !has_prefix(weights, PREFIX) {
        return weights.clone();
    }
    // Both halves number the layers of all blocks consecutively. A block has one
    // more than its residual ones: a down block ends in a downsampler.
    let layers = config.layers_per_block.saturating_add(1);
    weights.renamed(|name| {
        let inner = name.strip_prefix(PREFIX)?;
        Some(NewName::new(
            translate(inner, layers).unwrap_or_else(|| name.to_owned()),
        ))
    })
}

fn translate(name: &str, layers: usize) -> Option<String> {
    if let Some(translated) = replace_start(name, &OUTER) {
        return Some(translated);
    }
    let (part, rest) = name.split_once('.')?;
    let (number, rest) = split_number(rest)?;
    match part {
        "input_blocks" => input_block(number.checked_sub(1)?, rest, layers),
        "middle_block" => middle_block(number, rest),
        "output_blocks" => output_block(number, rest, layers),
        _ => None,
    }
}

/// Translates a name; `number` excludes the convolution before all blocks.
fn input_block(number: usize, name: &str, layers: usize) -> Option<String> {
    let block = format!("down_blocks.{}", number / layers);
    let layer = number % layers;
    let (place, rest) = split_number(name)?;
    if place == 0
        && let Some(conv) = replace_start(rest, &[("op", "downsamplers.0.conv")])
    {
        return Some(format!("{block}.{conv}"));
    }
    match place {
        0 => resnet(rest, &format!("{block}.resnets.{layer}")),
        1 => Some(format!("{block}.attentions.{layer}.{rest}")),
        _ => None,
    }
}

fn middle_block(place: usize, name: &str) -> Option<String> {
    match place {
        0 => resnet(name, "mid_block.resnets.0"),
        1 => Some(format!("mid_block.attentions.0.{name}")),
        2 => resnet(name, "mid_block.resnets.1"),
        _ => None,
    }
}

/// Translates a name; a block's upsampler comes after the attention, if any.
fn output_block(number: usize, name: &str, layers: usize) -> Option<String> {
    let block = format!("up_blocks.{}", number / layers);
    let layer = number % layers;
    let (place, rest) = split_number(name)?;
    if (1..=2).contains(&place)
        && let Some(conv) = replace_start(rest, &[("conv", "upsamplers.0.conv")])
    {
        return Some(format!("{block}.{conv}"));
    }
    match place {
        0 => resnet(rest, &format!("{block}.resnets.{layer}")),
        1 => Some(format!("{block}.attentions.{layer}.{rest}")),
        _ => None,
    }
}

fn resnet(name: &str, prefix: &str) -> Option<String> {
    Some(format!("{prefix}.{}", replace_start(name, &RESNET)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_stable_diffusion_become_those_of_diffusers() {
        for (original, expected) in [
            ("time_embed.2.bias", "time_embedding.linear_2.bias"),
            ("input_blocks.0.0.weight", "conv_in.weight"),
            (
                "input_blocks.3.0.op.bias",
                "down_blocks.0.downsamplers.0.conv.bias",
            ),
            (
                "input_blocks.4.0.skip_connection.weight",
                "down_blocks.1.resnets.0.conv_shortcut.weight",
            ),
            (
                "input_blocks.8.1.transformer_blocks.0.attn2.to_k.weight",
                "down_blocks.2.attentions.1.transformer_blocks.0.attn2.to_k.weight",
            ),
            (
                "middle_block.2.emb_layers.1.bias",
                "mid_block.resnets.1.time_emb_proj.bias",
            ),
            (
                "output_blocks.2.1.conv.weight",
                "up_blocks.0.upsamplers.0.conv.weight",
            ),
            (
                "output_blocks.5.2.conv.weight",
                "up_blocks.1.upsamplers.0.conv.weight",
            ),
            (
                "output_blocks.11.1.proj_out.bias",
                "up_blocks.3.attentions.2.proj_out.bias",
            ),
            ("out.2.bias", "conv_out.bias"),
        ] {
            assert_eq!(translate(original, 3).as_deref(), Some(expected));
        }
    }

    #[test]
    fn names_that_no_such_unet_has_are_not_translated() {
        for name in [
            "label_emb.0.0.weight",
            "input_blocks.0.1.weight",
            "input_blocks.1.2.weight",
            "input_blocks.1.0.in_layers.1.weight",
            "middle_block.3.in_layers.0.weight",
            "output_blocks.x.0.weight",
            "out.1.weight",
        ] {
            assert_eq!(translate(name, 3), None, "{name}");
        }
    }
}
