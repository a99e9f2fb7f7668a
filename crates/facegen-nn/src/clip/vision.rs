use candle_core::Tensor;

use super::ClipVisionConfig;
use super::encoder::{EncoderLayer, EncoderLayerConfig};
use crate::layers::{Conv2d, Conv2dConfig, LayerNorm, Linear};
use crate::packs::Packing;
use crate::{Compute, FeatureMap, NnError, Result, Weights};

/// `CLIPVisionModelWithProjection`, with access to every hidden state.
#[derive(Debug)]
pub struct ClipVisionModel {
    patch_embedding: Conv2d,
    class_embedding: Tensor,
    position_embedding: Tensor,
    pre_layrnorm: LayerNorm,
    layers: Vec<EncoderLayer>,
    post_layernorm: LayerNorm,
    visual_projection: Option<Linear>,
    compute: Compute,
    /// Where its weights are.
    packing: Packing,
}

impl ClipVisionModel {
    /// Loads the encoder from a checkpoint, whose names may or may not start
    /// with `vision_model.`; the projection head only where the checkpoint has
    /// one. The text half of a whole CLIP is ignored.
    ///
    /// # Errors
    /// Fails when the config is not supported, or a tensor is missing or has
    /// another shape.
    pub fn load(config: &ClipVisionConfig, weights: &Weights, compute: &Compute) -> Result<Self> {
        config.check()?;
        let (width, eps) = (config.hidden_size, config.layer_norm_eps);
        let bare = weights.contains("embeddings.class_embedding");
        let (root, weights) = if bare {
            (weights, weights.clone())
        } else {
            (weights, weights.pp("vision_model"))
        };
        let embeddings = weights.pp("embeddings");
        weights.ignore("embeddings.position_ids");
        for other_half in ["text_model.", "text_projection.", "logit_scale"] {
            root.ignore(other_half);
        }
        let patch = Conv2dConfig::new(3, width, config.patch_size)
            .stride(config.patch_size)
            .without_bias();
        let on_device = |tensor: Tensor| -> Result<Tensor> {
            Ok(tensor
                .to_dtype(compute.dtype())?
                .to_device(compute.device())?)
        };
        let position = embeddings
            .pp("position_embedding")
            .get("weight", &[config.tokens(), width])?;
        // The misspelling is the published name.
        let pre_layrnorm = weights.pp("pre_layrnorm");
        let projection = root.contains("visual_projection.weight").then(|| {
            Linear::load_without_bias(
                &root.pp("visual_projection"),
                width,
                config.projection_dim,
                compute,
            )
        });
        Ok(Self {
            patch_embedding: Conv2d::load(&embeddings.pp("patch_embedding"), &patch, compute)?,
            class_embedding: on_device(embeddings.get("class_embedding", &[width])?)?,
            position_embedding: on_device(position)?,
            pre_layrnorm: LayerNorm::load(&pre_layrnorm, width, eps, compute)?,
            layers: EncoderLayer::load_all(
                config.num_hidden_layers,
                &layer_config(config),
                &weights,
                compute,
            )?,
            post_layernorm: LayerNorm::load(&weights.pp("post_layernorm"), width, eps, compute)?,
            visual_projection: projection.transpose()?,
            compute: compute.clone(),
            packing: root.packed_by().clone(),
        })
    }

    /// Gives the memory of mapped weights back to the system until they are used.
    pub fn release(&self) {
        self.packing.release();
    }

    /// Returns transformers' `hidden_states`: entry 0 after `pre_layrnorm`,
    /// entry *i* after layer *i*; each `(batch, tokens, width)`.
    ///
    /// `pixel_values` are `(batch, 3, image_size, image_size)`, normalised.
    ///
    /// # Errors
    /// Fails when the image has another size.
    pub fn hidden_states(&self, pixel_values: &Tensor) -> Result<Vec<Tensor>> {
        self.first_hidden_states(pixel_values, self.layers.len())
    }

    /// Returns `hidden_states[-2]`, which the adapter reads, without running
    /// the last layer.
    ///
    /// # Errors
    /// Fails when the image has another size.
    pub fn penultimate_hidden_state(&self, pixel_values: &Tensor) -> Result<Tensor> {
        let states = self.first_hidden_states(pixel_values, self.layers.len().saturating_sub(1))?;
        states
            .into_iter()
            .next_back()
            .ok_or_else(|| NnError::Config("an image encoder without layers".into()))
    }

    /// Returns `pooler_output`, the class token after the last layer and norm:
    /// `(batch, hidden_size)`.
    ///
    /// # Errors
    /// Fails when the image has another size.
    pub fn pooled(&self, pixel_values: &Tensor) -> Result<Tensor> {
        let states = self.hidden_states(pixel_values)?;
        let last = states
            .last()
            .ok_or_else(|| NnError::Config("an image encoder without layers".into()))?;
        let class_token = last.narrow(1, 0, 1)?.contiguous()?;
        Ok(self.post_layernorm.forward(&class_token)?.squeeze(1)?)
    }

    /// Returns `image_embeds`, the projected pooled output: `(batch,
    /// projection_dim)`.
    ///
    /// # Errors
    /// Fails when the checkpoint has no projection head or the image another
    /// size.
    pub fn image_embeds(&self, pixel_values: &Tensor) -> Result<Tensor> {
        let projection = self
            .visual_projection
            .as_ref()
            .ok_or_else(|| NnError::Config("the image encoder has no visual_projection".into()))?;
        projection.forward(&self.pooled(pixel_values)?)
    }

    fn first_hidden_states(&self, pixel_values: &Tensor, layers: usize) -> Result<Vec<Tensor>> {
        let mut states = vec![self.pre_layrnorm.forward(&self.embed(pixel_values)?)?];
        for layer in &self.layers[..layers] {
            let state = layer.forward(&states[states.len() - 1])?;
            states.push(state);
        }
        Ok(states)
    }

    fn embed(&self, pixel_values: &Tensor) -> Result<Tensor> {
        let pixels = FeatureMap::from_nchw(pixel_values, &self.compute)?;
        let patches = self.patch_embedding.forward(&pixels)?.to_tokens()?;
        let width = self.class_embedding.dims()[0];
        let class_token =
            self.class_embedding
                .reshape((1, 1, width))?
                .expand((pixels.batch(), 1, width))?;
        let tokens = Tensor::cat(&[&class_token.contiguous()?, &patches], 1)?;
        Ok(tokens.broadcast_add(&self.position_embedding)?)
    }
}

fn layer_config(config: &ClipVisionConfig) -> EncoderLayerConfig {
    EncoderLayerConfig {
        hidden_size: config.hidden_size,
        intermediate_size: config.intermediate_size,
        heads: config.num_attention_heads,
        activation: config.hidden_act,
        layer_norm_eps: config.layer_norm_eps,
        causal: false,
    }
}
