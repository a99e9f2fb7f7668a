use facegen_nn::layers::{Attention, GroupNorm, Linear, LinearGroup};
use facegen_nn::{Compute, FeatureMap, Result, Weights};

/// Single-head attention over the pixels of the coarsest level.
#[derive(Debug)]
pub(super) struct VaeAttention {
    group_norm: GroupNorm,
    to_qkv: LinearGroup<3>,
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
        let [to_q, to_k, to_v, to_out] = names.map(|name| weights.pp(name));
        Ok(Self {
            group_norm: GroupNorm::load(
                &weights.pp("group_norm"),
                groups,
                channels,
                1e-6,
                compute,
            )?,
            to_qkv: LinearGroup::load(&[to_q, to_k, to_v], channels, channels, true, compute)?,
            to_out: Linear::load(&to_out, channels, channels, compute)?,
            attention: Attention::new(1, compute),
        })
    }

    pub(super) fn forward(&self, input: &FeatureMap) -> Result<FeatureMap> {
        let tokens = self.group_norm.forward(input)?.to_tokens()?;
        let [query, key, value] = self.to_qkv.forward(&tokens)?;
        let attended = self.attention.forward(&query, &key, &value)?;
        input.from_tokens(
            &self
                .to_out
                .forward_residual(&attended, &input.to_tokens()?)?,
        )
    }
}
