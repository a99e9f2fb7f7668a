//! The adapters that there are networks for.

use facegen_core::Preset;
use facegen_core::preset::AdapterKind;
use facegen_diffusion::{
    AdapterWeights, FaceIdPlusConfig, FaceIdPlusProjection, PlusFaceConfig, PlusFaceProjection,
};
use facegen_nn::{Compute, Weights};

use super::component;
use crate::EngineError;
use crate::sd15::face::ImageProjection;

/// What one kind of adapter has of its own.
pub(super) trait Adapter {
    /// Width of its image tokens.
    fn cross_attention_dim(&self) -> usize;

    /// Width of the hidden states that it reads.
    fn clip_embedding_dim(&self) -> usize;

    /// Whether it reads the embedding of a face_embedder.
    fn needs_embedder(&self) -> bool;

    /// The parts of its checkpoint, and of the LoRA that is a file of its own.
    ///
    /// # Errors
    /// When it has no LoRA, or it has one in both files.
    fn weights(
        &self,
        weights: Weights,
        lora: Option<Weights>,
    ) -> Result<AdapterWeights, EngineError>;

    /// Loads what makes its image tokens.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    fn projection(
        &self,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Box<dyn ImageProjection>, EngineError>;
}

/// Reads the config of a preset's adapter. This is the only place that asks
/// which one it is.
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
