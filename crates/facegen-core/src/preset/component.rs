//! The components of a preset.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Source;

/// The models of a preset, by the names of diffusers' directories where it has
/// one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Components {
    /// CLIP's byte-pair vocabulary.
    pub tokenizer: Component,
    /// CLIP text encoder.
    pub text_encoder: Component,
    /// CLIP image encoder.
    pub image_encoder: Component,
    /// The denoising network.
    pub unet: Component,
    /// The decoder of latents.
    pub vae: Component,
    /// The IP-Adapter that `options.adapter_kind` names.
    pub adapter: Component,
    /// The LoRA of the adapter, where it is a separate file, with kohya's
    /// tensor names.
    #[serde(default)]
    pub lora: Option<Component>,
    /// Detects faces and their landmarks.
    pub face_detector: Component,
    /// Embeds the identity of a face, for adapters that need it.
    #[serde(default)]
    pub face_embedder: Option<Component>,
    /// Checks finished images.
    #[serde(default)]
    pub safety_checker: Option<Component>,
}

impl Components {
    /// Returns the config of every component that has one.
    pub fn configs(&self) -> impl Iterator<Item = &Path> {
        let models = [
            &self.text_encoder,
            &self.image_encoder,
            &self.unet,
            &self.vae,
            &self.adapter,
        ];
        models
            .into_iter()
            .chain(&self.safety_checker)
            .filter_map(|component| component.config.as_deref())
    }

    /// Lists all components, with their names in the manifest.
    pub fn named(&self) -> Vec<(&'static str, &Component)> {
        let optional = [
            ("lora", self.lora.as_ref()),
            ("face_embedder", self.face_embedder.as_ref()),
            ("safety_checker", self.safety_checker.as_ref()),
        ];
        let mut named = vec![
            ("tokenizer", &self.tokenizer),
            ("text_encoder", &self.text_encoder),
            ("image_encoder", &self.image_encoder),
            ("unet", &self.unet),
            ("vae", &self.vae),
            ("adapter", &self.adapter),
            ("face_detector", &self.face_detector),
        ];
        named.extend(
            optional
                .into_iter()
                .filter_map(|(name, one)| Some((name, one?))),
        );
        named
    }

    /// Returns all components in the order of [`Self::named`], mutably.
    pub fn in_order_mut(&mut self) -> impl Iterator<Item = &mut Component> {
        let models = [
            &mut self.tokenizer,
            &mut self.text_encoder,
            &mut self.image_encoder,
            &mut self.unet,
            &mut self.vae,
            &mut self.adapter,
            &mut self.face_detector,
        ];
        let optional = [
            &mut self.lora,
            &mut self.face_embedder,
            &mut self.safety_checker,
        ];
        models.into_iter().chain(optional.into_iter().flatten())
    }
}

/// One component of a preset.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Where its weights come from.
    pub source: Source,
    /// Its `config.json`, for models that have one, relative to the directory of
    /// presets unless it is absolute.
    #[serde(default)]
    pub config: Option<PathBuf>,
    /// Licence of the weights, by its SPDX name where there is one. Its terms
    /// are those in `[licences]` of the manifest.
    pub licence: String,
    /// Hash of the file; checked before it is loaded.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Size of the file in bytes; checked before it is fetched.
    #[serde(default)]
    pub bytes: Option<u64>,
}
