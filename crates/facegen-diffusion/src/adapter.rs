use std::collections::HashMap;
use std::sync::Arc;

use candle_core::Tensor;
use facegen_nn::Weights;
use facegen_nn::weights::{WeightPatch, WeightsError};
use serde::Deserialize;

/// Sizes of an IP-Adapter-FaceID-PlusV2; the defaults are those of its classes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceIdPlusConfig {
    /// Width of the UNet's text tokens, and of the image tokens.
    #[serde(default = "defaults::cross_attention_dim")]
    pub cross_attention_dim: usize,
    /// Width of the image encoder's hidden states.
    #[serde(default = "defaults::clip_embedding_dim")]
    pub clip_embedding_dim: usize,
    /// Width of the recogniser's embedding.
    #[serde(default = "defaults::id_embedding_dim")]
    pub id_embedding_dim: usize,
    /// Image tokens of a face.
    #[serde(default = "defaults::num_tokens")]
    pub num_tokens: usize,
    /// Rank of the LoRA that was trained with the adapter.
    #[serde(default = "defaults::lora_rank")]
    pub lora_rank: usize,
}

mod defaults {
    pub(super) fn cross_attention_dim() -> usize {
        768
    }
    pub(super) fn clip_embedding_dim() -> usize {
        1280
    }
    pub(super) fn id_embedding_dim() -> usize {
        512
    }
    pub(super) fn num_tokens() -> usize {
        4
    }
    pub(super) fn lora_rank() -> usize {
        128
    }
}

/// The checkpoint of an IP-Adapter: `image_proj.*`, and `ip_adapter.N.*` for
/// the *N*th attention of a UNet.
#[derive(Clone, Debug)]
pub struct AdapterWeights {
    weights: Weights,
    lora_rank: usize,
}

impl AdapterWeights {
    /// Wraps a checkpoint whose attention LoRA has the given rank.
    #[must_use]
    pub fn new(weights: Weights, lora_rank: usize) -> Self {
        Self { weights, lora_rank }
    }

    /// The tensors of the image projection.
    #[must_use]
    pub fn image_projection(&self) -> Weights {
        self.weights.pp("image_proj")
    }

    /// The tensors of the *N*th attention.
    pub(crate) fn attention(&self, number: usize) -> Weights {
        self.weights.pp("ip_adapter").pp(number)
    }

    /// The LoRA of the attentions, to be fused into a UNet's weights.
    /// `attention_names` are in the order of the adapter's numbers.
    pub(crate) fn lora(&self, attention_names: &[String]) -> Arc<dyn WeightPatch> {
        let numbers = attention_names.iter().cloned().zip(0..).collect();
        Arc::new(AttentionLora {
            adapter: self.clone(),
            numbers,
        })
    }

    /// Ends the loading, after the UNet and the projection took their parts.
    ///
    /// # Errors
    /// When the checkpoint holds tensors that neither took.
    pub fn finish(&self) -> Result<(), WeightsError> {
        self.weights.finish()
    }
}

/// `W + up · down` for the four projections of every attention: exact algebra,
/// computed once in f32, so that a LoRA costs nothing at run time.
#[derive(Debug)]
struct AttentionLora {
    adapter: AdapterWeights,
    numbers: HashMap<String, usize>,
}

impl WeightPatch for AttentionLora {
    fn apply(&self, name: &str, tensor: Tensor) -> Result<Tensor, WeightsError> {
        let Some((number, lora)) = self.lora_of(name) else {
            return Ok(tensor);
        };
        let (output, input) = tensor.dims2()?;
        let weights = self.adapter.attention(number).pp(lora);
        let down = weights.get("down.weight", &[self.adapter.lora_rank, input])?;
        let up = weights.get("up.weight", &[output, self.adapter.lora_rank])?;
        Ok((tensor + up.matmul(&down)?)?)
    }
}

impl AttentionLora {
    /// Number and LoRA name that belong to a UNet weight, if any.
    fn lora_of(&self, name: &str) -> Option<(usize, &'static str)> {
        const PROJECTIONS: [(&str, &str); 4] = [
            (".to_q.weight", "to_q_lora"),
            (".to_k.weight", "to_k_lora"),
            (".to_v.weight", "to_v_lora"),
            (".to_out.0.weight", "to_out_lora"),
        ];
        PROJECTIONS.iter().find_map(|(suffix, lora)| {
            let attention = name.strip_suffix(suffix)?;
            Some((*self.numbers.get(attention)?, *lora))
        })
    }
}
