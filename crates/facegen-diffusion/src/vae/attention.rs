use facegen_nn::layers::{Attention, GroupNorm, Linear};
use facegen_nn::{Compute, FeatureMap, Result, Weights};

/// Single-head attention over the pixels of the coarsest level.
#[derive(Debug)]
pub(super) struct VaeAttention {
    group_norm: GroupNorm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    attention: Attention,
}

impl VaeAttention {
    /// Accepts both sets of names: those of current diffusers and the `query`,
    /// `key`, `value`, `proj_attn` of older checkpoints.
    pub(super) fn load(
        channels: usize,
        groups: usize,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Self> {
        let names = if weights.contains("query.weight") {
            ["query", "key", "value", "proj_attn"]
        } else {
            ["to_q", "to_k", "to_v", "to_out.0"]
        };
        let [to_q, to_k, to_v, to_out] =
            names.map(|name| Linear::load(&weights.pp(name), channels, channels, compute));
        Ok(Self {
            group_norm: GroupNorm::load(
                &weights.pp("group_norm"),
                groups,
                channels,
                1e-6,
                compute,
            )?,
            to_q: to_q?,
            to_k: to_k?,
            to_v: to_v?,
            to_out: to_out?,
            attention: Attention::new(1, compute),
        })
    }

    pub(super) fn forward(&self, input: &FeatureMap) -> Result<FeatureMap> {
        let tokens = self.group_norm.forward(input)?.to_tokens()?;
        let query = self.to_q.forward(&tokens)?;
        let key = self.to_k.forward(&tokens)?;
        let value = self.to_v.forward(&tokens)?;
        let attended = self.attention.forward(&query, &key, &value)?;
        input.from_tokens(
            &self
                .to_out
                .forward_residual(&attended, &input.to_tokens()?)?,
        )
    }
}
