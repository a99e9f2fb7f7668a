use std::sync::Arc;

use facegen_nn::layers::{Conv2d, Conv2dConfig, GroupNorm};
use facegen_nn::{Compute, FeatureMap, NnError, Result, Weights};

use super::blocks::{DownBlock, MidBlock, UpBlock};
use super::config::UNet2DConditionConfig;
use super::context::Context;
use super::cross_attention::CrossAttention;
use super::load::Loader;
use super::prepared::PreparedConditioning;
use super::time_embedding::TimeEmbedding;
use crate::{AdapterWeights, Conditioning};

/// Feature maps of the finest level that are alive at once, each with the channels of that level:
/// in its first transformer of the up path, the feed-forward's 12, its input and what leads to it,
/// the input of the level and two skip connections.
const ALIVE: usize = 26;

/// Predicts the noise in latents.
///
/// A call takes a timestep and a prepared conditioning *per sample*, so that
/// requests at different steps and with different numbers of tokens share it.
/// On the CPU the bytes of a sample do not depend on the others.
#[derive(Debug)]
pub struct UNet2DConditionModel {
    conv_in: Conv2d,
    time_embedding: TimeEmbedding,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    cross_attentions: Vec<Arc<CrossAttention>>,
    /// Of the finest level.
    channels: usize,
    compute: Compute,
}

impl UNet2DConditionModel {
    /// Loads a UNet with diffusers' names; with an adapter, its LoRA is fused
    /// and its image branches are loaded too.
    ///
    /// # Errors
    /// Fails when the config is not supported, or a tensor is missing or has
    /// another shape.
    pub fn load(
        config: &UNet2DConditionConfig,
        weights: &Weights,
        adapter: Option<&AdapterWeights>,
        compute: &Compute,
    ) -> Result<Self> {
        config.check()?;
        let loader = Loader::new(config, adapter, compute);
        let weights = &loader.fuse(weights);
        let first = config.block_out_channels[0];
        let conv = |name: &str, input: usize, output: usize| {
            Conv2d::load(
                &weights.pp(name),
                &Conv2dConfig::new(input, output, 3).padding(1),
                compute,
            )
        };
        let norm_out = weights.pp("conv_norm_out");
        let levels = config.levels();
        Ok(Self {
            conv_in: conv("conv_in", config.in_channels, first)?,
            time_embedding: TimeEmbedding::load(config, &weights.pp("time_embedding"), compute)?,
            down_blocks: (0..levels)
                .map(|level| DownBlock::load(&loader, level, weights))
                .collect::<Result<_>>()?,
            mid_block: MidBlock::load(&loader, weights)?,
            up_blocks: (0..levels)
                .map(|index| UpBlock::load(&loader, index, weights))
                .collect::<Result<_>>()?,
            conv_norm_out: GroupNorm::load(
                &norm_out,
                config.norm_num_groups,
                first,
                config.norm_eps,
                compute,
            )?,
            conv_out: conv("conv_out", first, config.out_channels)?,
            cross_attentions: loader.into_cross_attentions(),
            channels: first,
            compute: compute.clone(),
        })
    }

    /// Returns how many bytes a call takes at once for each row and each pixel
    /// of its latents, where this crate's CUDA kernels compute.
    #[must_use]
    pub fn bytes_of_latent(&self) -> usize {
        ALIVE * self.channels * self.compute.dtype().size_in_bytes()
    }

    /// Computes keys and values of every cross-attention, once for a request.
    ///
    /// # Errors
    /// Fails when the tokens have another width, or there are image tokens but
    /// no adapter.
    pub fn prepare(&self, conditioning: &Conditioning) -> Result<PreparedConditioning> {
        let layers = self
            .cross_attentions
            .iter()
            .map(|attention| attention.prepare(conditioning));
        Ok(PreparedConditioning {
            layers: layers.collect::<Result<_>>()?,
        })
    }

    /// Predicts the noise, in the shape of `latents` `(batch, channels, height,
    /// width)`; one timestep and one conditioning for each sample.
    ///
    /// # Errors
    /// Fails when the counts differ.
    pub fn forward(
        &self,
        latents: &FeatureMap,
        timesteps: &[f32],
        conditionings: &[&PreparedConditioning],
    ) -> Result<FeatureMap> {
        let rows: Vec<usize> = (0..conditionings.len()).collect();
        self.forward_rows(latents, timesteps, &rows, conditionings)
    }

    /// Predicts the noise of each row: one sample's latents and timestep under
    /// one conditioning. `rows` has the sample of each conditioning. What the
    /// rows of a sample have in common, as in classifier-free guidance, is
    /// computed once; the bytes are those of [`forward`](Self::forward) with
    /// the samples repeated.
    ///
    /// # Errors
    /// Fails when the counts differ, or the rows do not cover all samples in
    /// their order.
    pub fn forward_rows(
        &self,
        latents: &FeatureMap,
        timesteps: &[f32],
        rows: &[usize],
        conditionings: &[&PreparedConditioning],
    ) -> Result<FeatureMap> {
        check(latents.batch(), timesteps.len(), rows, conditionings.len())?;
        let time_embedding = self.time_embedding.forward(timesteps)?;
        let context = &Context::new(time_embedding, rows, conditionings, &self.compute)?;

        let mut hidden_states = self.conv_in.forward(latents)?;
        let mut skips = vec![context.to_rows(&hidden_states)?];
        if !self
            .down_blocks
            .first()
            .is_some_and(DownBlock::begins_with_attention)
        {
            hidden_states = context.to_rows(&hidden_states)?;
        }
        for block in &self.down_blocks {
            hidden_states = block.forward(hidden_states, &mut skips, context)?;
        }
        hidden_states = self.mid_block.forward(&hidden_states, context)?;
        for block in &self.up_blocks {
            hidden_states = block.forward(hidden_states, &mut skips, context)?;
        }
        self.conv_out
            .forward(&self.conv_norm_out.forward_silu(&hidden_states)?)
    }
}

/// Checks that the rows are those of the first sample, then of the second and
/// so on, at least one for each.
fn check(samples: usize, timesteps: usize, rows: &[usize], conditionings: usize) -> Result<()> {
    let complete = rows.first() == Some(&0) && rows.last().is_some_and(|last| last + 1 == samples);
    let in_order = rows
        .windows(2)
        .all(|pair| pair[1] == pair[0] || pair[1] == pair[0] + 1);
    if timesteps == samples && rows.len() == conditionings && complete && in_order {
        return Ok(());
    }
    Err(NnError::Argument(format!(
        "{samples} latents were given {timesteps} timesteps and {conditionings} conditionings for {rows:?}"
    )))
}
