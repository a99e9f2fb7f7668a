use super::config::{DownBlockType, UNet2DConditionConfig, UpBlockType};

/// Lists the attentions of a UNet in the order of diffusers' `attn_processors`,
/// by which an adapter numbers them: even numbers are self-attentions, odd ones
/// cross-attentions, and the middle block comes *last*, because diffusers
/// registers it after both lists of blocks.
pub(super) fn attention_names(config: &UNet2DConditionConfig) -> Vec<String> {
    let layers = config.layers_per_block;
    let down = config
        .down_block_types
        .iter()
        .enumerate()
        .flat_map(|(level, block)| {
            let transformers = if *block == DownBlockType::CrossAttnDownBlock2D {
                layers
            } else {
                0
            };
            (0..transformers).map(move |index| format!("down_blocks.{level}.attentions.{index}"))
        });
    let up = config
        .up_block_types
        .iter()
        .enumerate()
        .flat_map(|(level, block)| {
            let transformers = if *block == UpBlockType::CrossAttnUpBlock2D {
                layers + 1
            } else {
                0
            };
            (0..transformers).map(move |index| format!("up_blocks.{level}.attentions.{index}"))
        });
    down.chain(up)
        .chain(["mid_block.attentions.0".to_owned()])
        .flat_map(|transformer| {
            ["attn1", "attn2"].map(|name| format!("{transformer}.transformer_blocks.0.{name}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_diffusion_has_thirty_two_attentions_and_the_middle_is_last() {
        let config: UNet2DConditionConfig = serde_json::from_str(
            r#"{"in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280, 1280],
                "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
                "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
                "layers_per_block": 2, "cross_attention_dim": 768, "attention_head_dim": 8, "norm_num_groups": 32}"#,
        )
        .unwrap();
        let names = attention_names(&config);
        assert_eq!(names.len(), 32);
        assert_eq!(
            names[0],
            "down_blocks.0.attentions.0.transformer_blocks.0.attn1"
        );
        assert_eq!(
            names[11],
            "down_blocks.2.attentions.1.transformer_blocks.0.attn2"
        );
        assert_eq!(
            names[12],
            "up_blocks.1.attentions.0.transformer_blocks.0.attn1"
        );
        assert_eq!(
            names[29],
            "up_blocks.3.attentions.2.transformer_blocks.0.attn2"
        );
        assert_eq!(
            names[31],
            "mid_block.attentions.0.transformer_blocks.0.attn2"
        );
    }
}
