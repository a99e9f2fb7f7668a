use facegen_nn::Weights;
use facegen_nn::weights::NewName;

use super::has_prefix;
use super::names::{replace_start, split_number};
use crate::AutoencoderKlConfig;

const PREFIX: &str = "first_stage_model.";
/// A name by which a file of the VAE alone, without a prefix, is recognised.
const ALONE: &str = "decoder.mid.";
/// Prefixes of training leftovers in such a file.
const OF_TRAINING: [&str; 2] = ["loss.", "model_ema."];

const ATTENTION: [(&str, &str); 5] = [
    ("norm", "group_norm"),
    ("q", "to_q"),
    ("k", "to_k"),
    ("v", "to_v"),
    ("proj_out", "to_out.0"),
];
const MIDDLE: [(&str, &str); 2] = [
    ("block_1", "mid_block.resnets.0"),
    ("block_2", "mid_block.resnets.1"),
];

/// Presents the VAE of an original checkpoint, or of its own original file,
/// under diffusers' names. Its unused encoder keeps its names.
#[must_use]
pub fn vae(weights: &Weights, config: &AutoencoderKlConfig) -> Weights {
    let levels = config.block_out_channels.len();
    if has_prefix(weights, PREFIX) {
        return weights.renamed(|name| rename(name, PREFIX, levels));
    }
    if !has_prefix(weights, ALONE) {
        return weights.clone();
    }
    weights.renamed(|name| {
        let of_training = OF_TRAINING.iter().any(|prefix| name.starts_with(prefix));
        (!of_training).then(|| rename(name, "", levels)).flatten()
    })
}

fn rename(name: &str, prefix: &str, levels: usize) -> Option<NewName> {
    let inner = name.strip_prefix(prefix)?;
    if !inner.starts_with("decoder.") {
        return Some(NewName::new(inner));
    }
    Some(match translate(inner, levels) {
        Some((new, Role::AttentionMatrix)) => NewName::linear(new),
        Some((new, Role::Other)) => NewName::new(new),
        None => NewName::new(name),
    })
}

/// Whether a tensor is a matrix that the originals hold as a convolution.
#[derive(Debug, PartialEq, Eq)]
enum Role {
    AttentionMatrix,
    Other,
}

fn translate(name: &str, levels: usize) -> Option<(String, Role)> {
    let name = name.strip_prefix("decoder.")?;
    if let Some(attention) = name.strip_prefix("mid.attn_1.") {
        let inner = replace_start(attention, &ATTENTION)?;
        let role = if inner.starts_with("to_") && inner.ends_with(".weight") {
            Role::AttentionMatrix
        } else {
            Role::Other
        };
        return Some((format!("decoder.mid_block.attentions.0.{inner}"), role));
    }
    let inner = if let Some(middle) = name.strip_prefix("mid.") {
        shortcut(&replace_start(middle, &MIDDLE)?)
    } else if let Some(level) = name.strip_prefix("up.") {
        level_of_decoder(level, levels)?
    } else {
        let outer = [
            ("conv_in", "conv_in"),
            ("norm_out", "conv_norm_out"),
            ("conv_out", "conv_out"),
        ];
        replace_start(name, &outer)?
    };
    Some((format!("decoder.{inner}"), Role::Other))
}

/// Translates a name, whose level diffusers counts from the coarsest instead.
fn level_of_decoder(name: &str, levels: usize) -> Option<String> {
    let (level, rest) = split_number(name)?;
    let block = format!("up_blocks.{}", levels.checked_sub(level.checked_add(1)?)?);
    if let Some(conv) = rest.strip_prefix("upsample.conv.") {
        return Some(format!("{block}.upsamplers.0.conv.{conv}"));
    }
    let (number, rest) = split_number(rest.strip_prefix("block.")?)?;
    Some(format!("{block}.resnets.{number}.{}", shortcut(rest)))
}

fn shortcut(name: &str) -> String {
    name.replace("nin_shortcut.", "conv_shortcut.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_decoder_become_those_of_diffusers() {
        for (original, expected) in [
            ("decoder.conv_in.weight", "decoder.conv_in.weight"),
            ("decoder.norm_out.bias", "decoder.conv_norm_out.bias"),
            (
                "decoder.mid.block_2.conv1.bias",
                "decoder.mid_block.resnets.1.conv1.bias",
            ),
            (
                "decoder.mid.attn_1.norm.weight",
                "decoder.mid_block.attentions.0.group_norm.weight",
            ),
            (
                "decoder.up.0.block.2.norm1.bias",
                "decoder.up_blocks.3.resnets.2.norm1.bias",
            ),
            (
                "decoder.up.1.block.0.nin_shortcut.weight",
                "decoder.up_blocks.2.resnets.0.conv_shortcut.weight",
            ),
            (
                "decoder.up.3.upsample.conv.weight",
                "decoder.up_blocks.0.upsamplers.0.conv.weight",
            ),
        ] {
            let expected = (expected.to_owned(), Role::Other);
            assert_eq!(translate(original, 4), Some(expected));
        }
    }

    #[test]
    fn only_the_matrices_of_the_attention_become_linear() {
        for (original, expected) in [
            ("q.weight", ("to_q.weight", Role::AttentionMatrix)),
            (
                "proj_out.weight",
                ("to_out.0.weight", Role::AttentionMatrix),
            ),
            ("proj_out.bias", ("to_out.0.bias", Role::Other)),
        ] {
            let translated = translate(&format!("decoder.mid.attn_1.{original}"), 4).unwrap();
            let name = format!("decoder.mid_block.attentions.0.{}", expected.0);
            assert_eq!(translated, (name, expected.1));
        }
    }

    #[test]
    fn names_that_no_such_decoder_has_are_not_translated() {
        for name in [
            "decoder.up.4.block.0.conv1.weight",
            "decoder.up.0.attn.0.q.weight",
            "decoder.mid.attn_2.q.weight",
            "decoder.mid.block_3.conv1.weight",
            "decoder.something.weight",
        ] {
            assert_eq!(translate(name, 4), None, "{name}");
        }
    }
}
