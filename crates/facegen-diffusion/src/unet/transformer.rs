use std::sync::Arc;

use candle_core::Tensor;
use facegen_nn::layers::{Conv2d, Conv2dConfig, Epilogue, GroupNorm, LayerNorm, Linear};
use facegen_nn::{Compute, FeatureMap, Result, Weights};

use super::context::Context;
use super::cross_attention::CrossAttention;
use super::load::Loader;
use super::self_attention::SelfAttention;

/// Width of the feed-forward layer over the channels.
const FF_MULT: usize = 4;

/// `Transformer2DModel` with one block: pixels as tokens, and back.
#[derive(Debug)]
pub(super) struct Transformer2DModel {
    norm: GroupNorm,
    proj_in: Conv2d,
    block: BasicTransformerBlock,
    proj_out: Conv2d,
}

impl Transformer2DModel {
    /// Loads it; the adapter finds its attentions by `name`, the module's full
    /// name.
    pub(super) fn load(
        loader: &Loader<'_>,
        name: &str,
        level: usize,
        weights: &Weights,
    ) -> Result<Self> {
        let (config, compute) = (loader.config, loader.compute);
        let channels = config.block_out_channels[level];
        let conv = |name: &str| {
            Conv2d::load(
                &weights.pp(name),
                &Conv2dConfig::new(channels, channels, 1),
                compute,
            )
        };
        let block_name = format!("{name}.transformer_blocks.0");
        let block_weights = weights.pp("transformer_blocks.0");
        Ok(Self {
            norm: GroupNorm::load(
                &weights.pp("norm"),
                config.norm_num_groups,
                channels,
                1e-6,
                compute,
            )?,
            proj_in: conv("proj_in")?,
            block: BasicTransformerBlock::load(loader, &block_name, level, &block_weights)?,
            proj_out: conv("proj_out")?,
        })
    }

    pub(super) fn forward(&self, input: &FeatureMap, context: &Context<'_>) -> Result<FeatureMap> {
        let projected = self.proj_in.forward(&self.norm.forward(input)?)?;
        let tokens = self.block.forward(&projected.to_tokens()?, context)?;
        let input = &context.to_rows(input)?;
        let epilogue = Epilogue {
            residual: Some(input),
            ..Epilogue::default()
        };
        self.proj_out
            .forward_fused(&input.from_tokens(&tokens)?, &epilogue)
    }
}

/// Self-attention, cross-attention and feed-forward, each after a layer norm.
#[derive(Debug)]
struct BasicTransformerBlock {
    norm1: LayerNorm,
    attn1: SelfAttention,
    norm2: LayerNorm,
    attn2: Arc<CrossAttention>,
    norm3: LayerNorm,
    feed_forward: FeedForward,
}

impl BasicTransformerBlock {
    fn load(loader: &Loader<'_>, name: &str, level: usize, weights: &Weights) -> Result<Self> {
        let channels = loader.config.block_out_channels[level];
        let norm = |name: &str| LayerNorm::load(&weights.pp(name), channels, 1e-5, loader.compute);
        Ok(Self {
            norm1: norm("norm1")?,
            attn1: SelfAttention::load(loader, level, &weights.pp("attn1"))?,
            norm2: norm("norm2")?,
            attn2: loader.cross_attention(&format!("{name}.attn2"), level, &weights.pp("attn2"))?,
            norm3: norm("norm3")?,
            feed_forward: FeedForward::load(channels, &weights.pp("ff"), loader.compute)?,
        })
    }

    fn forward(&self, tokens: &Tensor, context: &Context<'_>) -> Result<Tensor> {
        let tokens = self.attn1.forward(&self.norm1.forward(tokens)?, tokens)?;
        let tokens = context.tokens_to_rows(tokens)?;
        let tokens = self
            .attn2
            .forward(&self.norm2.forward(&tokens)?, context, &tokens)?;
        self.feed_forward
            .forward(&self.norm3.forward(&tokens)?, &tokens)
    }
}

/// An MLP whose hidden layer is gated.
#[derive(Debug)]
struct FeedForward {
    gated: Linear,
    narrow: Linear,
}

impl FeedForward {
    fn load(channels: usize, weights: &Weights, compute: &Compute) -> Result<Self> {
        let inner = channels * FF_MULT;
        Ok(Self {
            gated: Linear::load(&weights.pp("net.0.proj"), channels, 2 * inner, compute)?,
            narrow: Linear::load(&weights.pp("net.2"), inner, channels, compute)?,
        })
    }

    fn forward(&self, tokens: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let hidden_states = self.gated.forward_geglu(tokens)?;
        self.narrow.forward_residual(&hidden_states, residual)
    }
}
