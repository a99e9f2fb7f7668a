use candle_core::Tensor;

use crate::layers::{Activation, Attention, LayerNorm, Linear, LinearGroup};
use crate::{Compute, Result, Weights};

/// Sizes of one layer of either encoder.
#[derive(Clone, Copy, Debug)]
pub(super) struct EncoderLayerConfig {
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) heads: usize,
    pub(super) activation: Activation,
    pub(super) layer_norm_eps: f64,
    pub(super) causal: bool,
}

/// `CLIPEncoderLayer`: attention and MLP, each behind a layer norm.
#[derive(Debug)]
pub(super) struct EncoderLayer {
    layer_norm1: LayerNorm,
    qkv_proj: LinearGroup<3>,
    out_proj: Linear,
    attention: Attention,
    layer_norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

impl EncoderLayer {
    pub(super) fn load(
        config: &EncoderLayerConfig,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Self> {
        let (width, eps) = (config.hidden_size, config.layer_norm_eps);
        let (attention, mlp) = (weights.pp("self_attn"), weights.pp("mlp"));
        let projections = ["q_proj", "k_proj", "v_proj"].map(|name| attention.pp(name));
        let kernel = Attention::new(config.heads, compute);
        Ok(Self {
            layer_norm1: LayerNorm::load(&weights.pp("layer_norm1"), width, eps, compute)?,
            qkv_proj: LinearGroup::load(&projections, width, width, true, compute)?,
            out_proj: Linear::load(&attention.pp("out_proj"), width, width, compute)?,
            attention: if config.causal {
                kernel.causal()
            } else {
                kernel
            },
            layer_norm2: LayerNorm::load(&weights.pp("layer_norm2"), width, eps, compute)?,
            fc1: Linear::load(&mlp.pp("fc1"), width, config.intermediate_size, compute)?,
            fc2: Linear::load(&mlp.pp("fc2"), config.intermediate_size, width, compute)?,
            activation: config.activation,
        })
    }

    pub(super) fn load_all(
        count: usize,
        config: &EncoderLayerConfig,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Vec<Self>> {
        let layers = weights.pp("encoder.layers");
        (0..count)
            .map(|index| Self::load(config, &layers.pp(index), compute))
            .collect()
    }

    pub(super) fn forward(&self, hidden_states: &Tensor) -> Result<Tensor> {
        let normed = self.layer_norm1.forward(hidden_states)?;
        let [query, key, value] = self.qkv_proj.forward(&normed)?;
        let attended = self.attention.forward(&query, &key, &value)?;
        let hidden_states = self.out_proj.forward_residual(&attended, hidden_states)?;

        let normed = self.layer_norm2.forward(&hidden_states)?;
        let widened = self.fc1.forward_activated(&normed, self.activation)?;
        self.fc2.forward_residual(&widened, &hidden_states)
    }
}
