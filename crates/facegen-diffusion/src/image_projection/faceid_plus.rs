use candle_core::Tensor;
use facegen_nn::layers::{Activation, LayerNorm, Linear};
use facegen_nn::{Compute, NnError, Result, Weights};

use super::perceiver::{DEPTH, DIM_HEAD, FacePerceiverResampler};
use crate::FaceIdPlusConfig;

/// `ProjPlusModel` with its shortcut, as FaceID-PlusV2 uses it: identity tokens
/// plus `s_scale` times a perceiver's output for the face's image.
///
/// Follows IP-Adapter `ip_adapter/ip_adapter_faceid.py` at 62e4af9.
#[derive(Debug)]
pub struct FaceIdPlusProjection {
    proj_in: Linear,
    proj_out: Linear,
    norm: LayerNorm,
    perceiver_resampler: FacePerceiverResampler,
    id_embedding_dim: usize,
    tokens: usize,
}

impl FaceIdPlusProjection {
    /// Loads the tensors below `image_proj` of an adapter.
    ///
    /// # Errors
    /// Fails when the width is no multiple of a head's, or a tensor is missing
    /// or has another shape.
    pub fn load(config: &FaceIdPlusConfig, weights: &Weights, compute: &Compute) -> Result<Self> {
        let (id, width) = (config.id_embedding_dim, config.cross_attention_dim);
        if width == 0 || !width.is_multiple_of(DIM_HEAD) {
            return Err(NnError::Config(format!(
                "adapter: a cross_attention_dim of {width} is no multiple of {DIM_HEAD}"
            )));
        }
        let (inner, perceiver) = (2 * id, weights.pp("perceiver_resampler"));
        let resampler = FacePerceiverResampler::load(
            width,
            config.clip_embedding_dim,
            DEPTH,
            &perceiver,
            compute,
        )?;
        Ok(Self {
            proj_in: Linear::load(&weights.pp("proj.0"), id, inner, compute)?,
            proj_out: Linear::load(
                &weights.pp("proj.2"),
                inner,
                width * config.num_tokens,
                compute,
            )?,
            norm: LayerNorm::load(&weights.pp("norm"), width, 1e-5, compute)?,
            perceiver_resampler: resampler,
            id_embedding_dim: id,
            tokens: config.num_tokens,
        })
    }

    /// Returns the image tokens `(batch, num_tokens, cross_attention_dim)`.
    ///
    /// - `id_embedding`: `(batch, id_embedding_dim)`, of unit length; zeros for
    ///   the unconditional row.
    /// - `clip_hidden_states`: `(batch, patches, clip_embedding_dim)`, the
    ///   penultimate ones of the aligned face; those of zeroed pixel values for
    ///   the unconditional row.
    /// - `s_scale`: weight of the face's structure, the same in both rows.
    ///
    /// # Errors
    /// Fails when a width does not fit the adapter.
    pub fn forward(
        &self,
        id_embedding: &Tensor,
        clip_hidden_states: &Tensor,
        s_scale: f64,
    ) -> Result<Tensor> {
        let (batch, id) = id_embedding.dims2()?;
        if id != self.id_embedding_dim {
            let expected = self.id_embedding_dim;
            return Err(NnError::Argument(format!(
                "an id embedding has {expected} values, not {id}"
            )));
        }
        let projected = self.proj_out.forward(
            &self
                .proj_in
                .forward_activated(id_embedding, Activation::GeluErf)?,
        )?;
        let id_embeds = self
            .norm
            .forward(&projected.reshape((batch, self.tokens, ()))?)?;
        let clip_embeds = self
            .perceiver_resampler
            .forward(&id_embeds, clip_hidden_states)?;
        Ok((id_embeds + (clip_embeds * s_scale)?)?)
    }
}
