use candle_core::{Device, Tensor};

use super::ClipTextConfig;
use super::encoder::{EncoderLayer, EncoderLayerConfig};
use crate::layers::LayerNorm;
use crate::{Compute, NnError, Result, Weights};

/// `CLIPTextModel`: turns a prompt's tokens into the hidden states that
/// condition a UNet.
#[derive(Debug)]
pub struct ClipTextModel {
    token_embedding: Tensor,
    position_embedding: Tensor,
    layers: Vec<EncoderLayer>,
    final_layer_norm: LayerNorm,
    compute: Compute,
}

impl ClipTextModel {
    /// Loads the encoder from a checkpoint, whose names may or may not start
    /// with `text_model.`: transformers 5 saves them without.
    ///
    /// # Errors
    /// Fails when the config is not supported, or a tensor is missing or has
    /// another shape.
    pub fn load(config: &ClipTextConfig, weights: &Weights, compute: &Compute) -> Result<Self> {
        config.check()?;
        let bare = weights.contains("embeddings.token_embedding.weight");
        let weights = if bare {
            weights.clone()
        } else {
            weights.pp("text_model")
        };
        weights.ignore("embeddings.position_ids");

        let (width, embeddings) = (config.hidden_size, weights.pp("embeddings"));
        let table = |name: &str, rows: usize| embeddings.pp(name).get("weight", &[rows, width]);
        let norm = weights.pp("final_layer_norm");
        Ok(Self {
            token_embedding: table("token_embedding", config.vocab_size)?,
            position_embedding: table("position_embedding", config.max_position_embeddings)?,
            layers: EncoderLayer::load_all(
                config.num_hidden_layers,
                &layer_config(config),
                &weights,
                compute,
            )?,
            final_layer_norm: LayerNorm::load(&norm, width, config.layer_norm_eps, compute)?,
            compute: compute.clone(),
        })
    }

    /// Returns `last_hidden_state` after the final layer norm, `(1, tokens,
    /// width)`, of an already padded prompt.
    ///
    /// # Errors
    /// Fails when there are more tokens than positions, or one is not in the
    /// vocabulary.
    pub fn forward(&self, tokens: &[u32]) -> Result<Tensor> {
        let positions = self.position_embedding.dims()[0];
        if tokens.is_empty() || tokens.len() > positions {
            return Err(NnError::Argument(format!(
                "a prompt has 1 to {positions} tokens, not {}",
                tokens.len()
            )));
        }
        let ids = Tensor::new(tokens, &Device::Cpu)?;
        let embedded = self.token_embedding.index_select(&ids, 0)?;
        let embedded = (embedded + self.position_embedding.narrow(0, 0, tokens.len())?)?;
        let mut hidden_states = embedded
            .unsqueeze(0)?
            .to_dtype(self.compute.dtype())?
            .to_device(self.compute.device())?;
        for layer in &self.layers {
            hidden_states = layer.forward(&hidden_states)?;
        }
        self.final_layer_norm.forward(&hidden_states)
    }
}

fn layer_config(config: &ClipTextConfig) -> EncoderLayerConfig {
    EncoderLayerConfig {
        hidden_size: config.hidden_size,
        intermediate_size: config.intermediate_size,
        heads: config.num_attention_heads,
        activation: config.hidden_act,
        layer_norm_eps: config.layer_norm_eps,
        causal: true,
    }
}
