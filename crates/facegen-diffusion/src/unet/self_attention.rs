use candle_core::Tensor;
use facegen_nn::layers::{Attention, Linear};
use facegen_nn::{Result, Weights};

use super::load::Loader;

/// `attn1`: every pixel attends to every other.
#[derive(Debug)]
pub(super) struct SelfAttention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    attention: Attention,
}

impl SelfAttention {
    pub(super) fn load(loader: &Loader<'_>, level: usize, weights: &Weights) -> Result<Self> {
        let channels = loader.config.block_out_channels[level];
        let projection = |name: &str| {
            Linear::load_without_bias(&weights.pp(name), channels, channels, loader.compute)
        };
        Ok(Self {
            to_q: projection("to_q")?,
            to_k: projection("to_k")?,
            to_v: projection("to_v")?,
            to_out: Linear::load(&weights.pp("to_out.0"), channels, channels, loader.compute)?,
            attention: Attention::new(loader.config.heads(level), loader.compute),
        })
    }

    /// Adds to `residual` the attention among the tokens `hidden_states`.
    pub(super) fn forward(&self, hidden_states: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let query = self.to_q.forward(hidden_states)?;
        let key = self.to_k.forward(hidden_states)?;
        let value = self.to_v.forward(hidden_states)?;
        self.to_out
            .forward_residual(&self.attention.forward(&query, &key, &value)?, residual)
    }
}
