use std::sync::Arc;

use facegen_nn::Weights;
use facegen_nn::weights::{WeightPatch, WeightsError};
use serde::Deserialize;

use crate::lora::{AttentionLora, Lora};

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
    lora: Option<Lora>,
}

impl AdapterWeights {
    /// Wraps a checkpoint that holds a LoRA of the given rank for every
    /// attention, like that of FaceID-PlusV2.
    #[must_use]
    pub fn new(weights: Weights, lora_rank: usize) -> Self {
        let lora = Some(Lora::of_adapter(weights.clone(), lora_rank));
        Self { weights, lora }
    }

    /// Wraps a checkpoint without a LoRA, like that of plus-face;
    /// [`finish`](Self::finish) refuses one that holds a LoRA.
    #[must_use]
    pub fn without_lora(weights: Weights) -> Self {
        Self {
            weights,
            lora: None,
        }
    }

    /// Wraps a checkpoint whose LoRA is in a separate file, under kohya's names
    /// (`lora_unet_….lora_down.weight`).
    ///
    /// # Errors
    /// Fails when the adapter holds a LoRA as well: it is the same one and
    /// would be applied twice.
    pub fn with_separate_lora(
        weights: Weights,
        lora: Weights,
        lora_rank: usize,
    ) -> Result<Self, WeightsError> {
        if weights.names().iter().any(|name| name.contains("_lora.")) {
            return Err(WeightsError::LoraTwice {
                adapter: weights.origin(),
                lora: lora.origin(),
            });
        }
        let lora = Some(Lora::separate(lora, lora_rank));
        Ok(Self { weights, lora })
    }

    /// Returns the tensors of the image projection.
    #[must_use]
    pub fn image_projection(&self) -> Weights {
        self.weights.pp("image_proj")
    }

    /// Returns the tensors of the *N*th attention.
    pub(crate) fn attention(&self, number: usize) -> Weights {
        self.weights.pp("ip_adapter").pp(number)
    }

    /// Returns the LoRA of the attentions, to be fused into a UNet's weights,
    /// if there is one. `attention_names` are in the adapter's numbering.
    pub(crate) fn lora(&self, attention_names: &[String]) -> Option<Arc<dyn WeightPatch>> {
        let lora = self.lora.clone()?;
        Some(Arc::new(AttentionLora::new(lora, attention_names)))
    }

    /// Ends the loading, after the UNet and the projection took their parts.
    ///
    /// # Errors
    /// Fails when a checkpoint holds tensors that neither took.
    pub fn finish(&self) -> Result<(), WeightsError> {
        self.weights.finish()?;
        self.lora.as_ref().map_or(Ok(()), Lora::finish)
    }
}
