//! The supported kinds of adapters.

use facegen_core::Preset;
use facegen_core::preset::AdapterKind;
use facegen_diffusion::{
    AdapterWeights, FaceIdPlusConfig, FaceIdPlusProjection, PlusFaceConfig, PlusFaceProjection,
};
use facegen_nn::{Compute, Weights};

use super::component;
use crate::EngineError;
use crate::sd15::face::ImageProjection;

/// The part of loading that depends on the kind of adapter.
pub(super) trait Adapter {
    /// Returns the width of its image tokens.
    fn cross_attention_dim(&self) -> usize;

    /// Returns the width of the hidden states that it reads.
    fn clip_embedding_dim(&self) -> usize;

    /// Returns whether it uses the embedding of a face_embedder.
    fn needs_embedder(&self) -> bool;

    /// Returns the parts of its checkpoint, and of its separate LoRA, if any.
    ///
    /// # Errors
    /// Fails when there is no LoRA, or one in each file.
    fn weights(
        &self,
        weights: Weights,
        lora: Option<Weights>,
    ) -> Result<AdapterWeights, EngineError>;

    /// Loads the projection to its image tokens.
    ///
    /// # Errors
    /// Fails when a tensor is missing or has another shape.
    fn projection(
        &self,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Box<dyn ImageProjection>, EngineError>;
}

/// Reads the config of a preset's adapter. No other code depends on the kind of
/// adapter.
pub(super) fn adapter(preset: &Preset) -> Result<Box<dyn Adapter>, EngineError> {
    let component = &preset.components().adapter;
    Ok(match preset.options().adapter_kind {
        AdapterKind::FaceidPlusv2 => {
            Box::new(component::config::<FaceIdPlusConfig>(preset, component)?)
        }
        AdapterKind::PlusFace => Box::new(component::config::<PlusFaceConfig>(preset, component)?),
    })
}

impl Adapter for FaceIdPlusConfig {
    fn cross_attention_dim(&self) -> usize {
        self.cross_attention_dim
    }

    fn clip_embedding_dim(&self) -> usize {
        self.clip_embedding_dim
    }

    fn needs_embedder(&self) -> bool {
        true
    }

    fn weights(
        &self,
        weights: Weights,
        lora: Option<Weights>,
    ) -> Result<AdapterWeights, EngineError> {
        let rank = self.lora_rank;
        Ok(match lora {
            None => AdapterWeights::new(weights, rank),
            Some(lora) => AdapterWeights::with_separate_lora(weights, lora, rank)?,
        })
    }

    fn projection(
        &self,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Box<dyn ImageProjection>, EngineError> {
        let projection = FaceIdPlusProjection::load(self, weights, compute)?;
        Ok(Box::new(projection))
    }
}

impl Adapter for PlusFaceConfig {
    fn cross_attention_dim(&self) -> usize {
        self.cross_attention_dim
    }

    fn clip_embedding_dim(&self) -> usize {
        self.clip_embedding_dim
    }

    fn needs_embedder(&self) -> bool {
        false
    }

    fn weights(
        &self,
        weights: Weights,
        lora: Option<Weights>,
    ) -> Result<AdapterWeights, EngineError> {
        match lora {
            None => Ok(AdapterWeights::without_lora(weights)),
            Some(_) => Err(EngineError::Defect("the adapter has no lora".into())),
        }
    }

    fn projection(
        &self,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Box<dyn ImageProjection>, EngineError> {
        let projection = PlusFaceProjection::load(self, weights, compute)?;
        Ok(Box::new(projection))
    }
}
