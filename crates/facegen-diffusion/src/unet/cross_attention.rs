use candle_core::Tensor;
use facegen_nn::layers::{Attention, DecoupledRow, KeyValue, Linear};
use facegen_nn::{Compute, NnError, Result, Weights};

use super::config::UNet2DConditionConfig;
use super::context::Context;
use super::prepared::PreparedKeysValues;
use crate::Conditioning;

/// `attn2`: every pixel attends to the prompt and, if there is an adapter, to
/// the image tokens through separate keys and values. Each has its own softmax;
/// they are added before the output projection (decoupled cross-attention).
#[derive(Debug)]
pub(super) struct CrossAttention {
    /// Position among the cross-attentions of the UNet.
    slot: usize,
    to_q: Linear,
    text: KeyValueProjection,
    image: Option<KeyValueProjection>,
    to_out: Linear,
    attention: Attention,
    compute: Compute,
}

/// The linear layers that compute keys and values from tokens.
#[derive(Debug)]
struct KeyValueProjection {
    to_k: Linear,
    to_v: Linear,
}

impl CrossAttention {
    /// Loads it; `image` holds `to_k_ip` and `to_v_ip` of this attention.
    pub(super) fn load(
        config: &UNet2DConditionConfig,
        compute: &Compute,
        slot: usize,
        level: usize,
        weights: &Weights,
        image: Option<&Weights>,
    ) -> Result<Self> {
        let width = config.cross_attention_dim;
        let channels = config.block_out_channels[level];
        let projections = |weights: &Weights, key: &str, value: &str| -> Result<_> {
            Ok(KeyValueProjection {
                to_k: Linear::load_without_bias(&weights.pp(key), width, channels, compute)?,
                to_v: Linear::load_without_bias(&weights.pp(value), width, channels, compute)?,
            })
        };
        Ok(Self {
            slot,
            to_q: Linear::load_without_bias(&weights.pp("to_q"), channels, channels, compute)?,
            text: projections(weights, "to_k", "to_v")?,
            image: image
                .map(|weights| projections(weights, "to_k_ip", "to_v_ip"))
                .transpose()?,
            to_out: Linear::load(&weights.pp("to_out.0"), channels, channels, compute)?,
            attention: Attention::new(config.heads(level), compute),
            compute: compute.clone(),
        })
    }

    /// Computes keys and values of one conditioning, for every later call.
    pub(super) fn prepare(&self, conditioning: &Conditioning) -> Result<PreparedKeysValues> {
        let text = self.text.forward(&conditioning.text, &self.compute)?;
        let image = match (&self.image, &conditioning.image) {
            (Some(projection), Some(image)) => Some((
                projection.forward(&image.tokens, &self.compute)?,
                image.scale,
            )),
            (_, None) => None,
            (None, Some(_)) => {
                return Err(NnError::Argument(
                    "image tokens were given to a unet without an adapter".into(),
                ));
            }
        };
        Ok(PreparedKeysValues { text, image })
    }

    /// Adds each sample's attention to its conditioning to `residual`.
    pub(super) fn forward(
        &self,
        hidden_states: &Tensor,
        context: &Context<'_>,
        residual: &Tensor,
    ) -> Result<Tensor> {
        let query = self.to_q.forward(hidden_states)?;
        let rows = context.conditionings.iter();
        let rows: Vec<DecoupledRow<'_>> = rows
            .map(|prepared| prepared.layers[self.slot].row())
            .collect();
        let attention = &self.attention;
        let attended = attention.forward_decoupled(&query, &rows, &context.table, self.slot)?;
        self.to_out.forward_residual(&attended, residual)
    }
}

impl KeyValueProjection {
    fn forward(&self, tokens: &Tensor, compute: &Compute) -> Result<KeyValue> {
        let tokens = tokens
            .to_device(compute.device())?
            .to_dtype(compute.dtype())?;
        Ok(KeyValue {
            key: self.to_k.forward(&tokens)?,
            value: self.to_v.forward(&tokens)?,
        })
    }
}
