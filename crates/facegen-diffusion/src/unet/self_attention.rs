use candle_core::Tensor;
use facegen_nn::layers::{Attention, Linear, LinearGroup};
use facegen_nn::{Result, Weights};

use super::load::Loader;

/// `attn1`: every pixel attends to every other.
#[derive(Debug)]
pub(super) struct SelfAttention {
    to_qkv: LinearGroup<3>,
    to_out: Linear,
    attention: Attention,
}

impl SelfAttention {
    pub(super) fn load(loader: &Loader<'_>, level: usize, weights: &Weights) -> Result<Self> {
        let channels = loader.config.block_out_channels[level];
        let projections = ["to_q", "to_k", "to_v"].map(|name| weights.pp(name));
        Ok(Self {
            to_qkv: LinearGroup::load(&projections, channels, channels, false, loader.compute)?,
            to_out: Linear::load(&weights.pp("to_out.0"), channels, channels, loader.compute)?,
            attention: Attention::new(loader.config.heads(level), loader.compute),
        })
    }

    /// Adds to `residual` the attention among the tokens `hidden_states`.
    pub(super) fn forward(&self, hidden_states: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let [query, key, value] = self.to_qkv.forward(hidden_states)?;
        self.to_out
            .forward_residual(&self.attention.forward(&query, &key, &value)?, residual)
    }
}
