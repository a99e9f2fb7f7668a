//! The prompts and models of each style.

use std::collections::BTreeMap;
use std::sync::Arc;

use facegen_core::Preset;
use facegen_core::preset::{Component, Components, StyleRecipe};
use facegen_core::request::Style;
use facegen_diffusion::{AutoencoderKl, UNet2DConditionModel};
use facegen_nn::clip::ClipTextModel;

use crate::EngineError;

/// A base model. Clones share the same models.
#[derive(Clone, Debug)]
pub struct BaseModel {
    /// Encodes tokens to `encoder_hidden_states`.
    pub text_encoder: Arc<ClipTextModel>,
    /// Predicts noise in latents.
    pub unet: Arc<UNet2DConditionModel>,
    /// Decodes latents to images.
    pub vae: Arc<AutoencoderKl>,
}

impl BaseModel {
    /// Returns whether images of both can share a call of the UNet.
    #[must_use]
    pub fn shares_unet(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.unet, &other.unet)
    }
}

/// The prompts and models of one style.
#[derive(Clone, Debug)]
pub struct StylePipeline {
    /// The style's changes to prompts.
    pub recipe: StyleRecipe,
    /// The models that generate its images.
    pub base: BaseModel,
}

/// Returns the pipelines of all styles that a preset offers. A style without
/// models uses the preset's, which are the realistic ones.
pub(super) fn style_pipelines(
    preset: &Preset,
    bases: &BTreeMap<Style, BaseModel>,
) -> Result<BTreeMap<Style, StylePipeline>, EngineError> {
    let style_pipeline = |style: Style| {
        let base = bases.get(&style).or(bases.get(&Style::Realistic)).cloned();
        let (Some(recipe), Some(base)) = (preset.style(style), base) else {
            return Err(EngineError::Defect("a style has no look".into()));
        };
        Ok((style, StylePipeline { recipe, base }))
    };
    preset.styles().into_iter().map(style_pipeline).collect()
}

/// Loads one model per base model; those that name the same one share it.
pub(super) fn each<T>(
    presets: &[Preset],
    component: impl Fn(&Components) -> &Component,
    load: impl Fn(&Preset) -> Result<T, EngineError>,
) -> Result<Vec<Arc<T>>, EngineError> {
    let mut models: Vec<Arc<T>> = Vec::new();
    for preset in presets {
        let own = component(preset.components());
        let is_same = |other: &Preset| component(other.components()) == own;
        let same = presets[..models.len()].iter().position(is_same);
        models.push(match same {
            Some(place) => Arc::clone(&models[place]),
            None => Arc::new(load(preset)?),
        });
    }
    Ok(models)
}
