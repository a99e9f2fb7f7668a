use std::time::Instant;

use facegen_diffusion::{
    AdapterWeights, AutoencoderKl, AutoencoderKlConfig, FaceIdPlusConfig, FaceIdPlusProjection,
    UNet2DConditionConfig, UNet2DConditionModel,
};
use facegen_nn::clip::{ClipTextConfig, ClipTextModel, ClipVisionConfig, ClipVisionModel};
use facegen_nn::{Compute, Weights};
use facegen_vision::{
    FaceAnalyzer, OnnxEmbedder, SafetyChecker, SafetyCheckerConfig, YuNetDetector,
};

use super::{LoadOptions, component, fit};
use crate::face::FaceEncoder;
use crate::prompt::PromptTokenizer;
use crate::{EngineError, Preset};

/// Everything that a preset's pictures are made with.
#[derive(Debug)]
pub struct Models {
    /// Prompts to tokens.
    pub tokenizer: PromptTokenizer,
    /// Tokens to `encoder_hidden_states`.
    pub text_encoder: ClipTextModel,
    /// Photographs to image tokens.
    pub face: FaceEncoder,
    /// Latents to predicted noise.
    pub unet: UNet2DConditionModel,
    /// Latents to pictures.
    pub vae: AutoencoderKl,
    /// Pictures to verdicts, where the preset has it.
    pub safety_checker: Option<SafetyChecker>,
    /// Where all of it runs.
    pub compute: Compute,
}

impl Models {
    /// Loads every component of a preset.
    ///
    /// # Errors
    /// When a file is missing, is another one than the preset expects, or does
    /// not hold the model that its config describes.
    pub fn load(preset: &Preset, options: &LoadOptions) -> Result<Self, EngineError> {
        let started = Instant::now();
        fit::check(preset)?;
        let options = &LoadOptions {
            progress: options
                .progress
                .clone()
                .with_safety_checker(preset.has_safety_checker()),
            ..options.clone()
        };
        let dtype = preset.options().dtype.dtype();
        let compute = Compute::new(options.device.open()?, dtype);
        let (unet, projection) = load_unet(preset, options, &compute)?;
        let models = Self {
            tokenizer: PromptTokenizer::load(&component::file(
                preset,
                &preset.components().tokenizer,
            )?)?,
            text_encoder: load_text_encoder(preset, options, &compute)?,
            face: load_face(preset, options, projection, &compute)?,
            unet,
            vae: load_vae(preset, options, &compute)?,
            safety_checker: load_safety_checker(preset, options, &compute)?,
            compute,
        };
        tracing::info!(
            preset = preset.name(),
            device = ?models.compute.device().location(),
            ?dtype,
            seconds = started.elapsed().as_secs_f32(),
            "models loaded"
        );
        Ok(models)
    }
}

/// The UNet and the adapter's projection, which share the adapter's file.
fn load_unet(
    preset: &Preset,
    options: &LoadOptions,
    compute: &Compute,
) -> Result<(UNet2DConditionModel, FaceIdPlusProjection), EngineError> {
    options.progress.begin("unet");
    let components = preset.components();
    let config: UNet2DConditionConfig = component::config(preset, &components.unet)?;
    let face_id: FaceIdPlusConfig = component::config(preset, &components.adapter)?;
    component::model(preset, &components.adapter, options, |adapter: &Weights| {
        let adapter = AdapterWeights::new(adapter.clone(), face_id.lora_rank);
        let unet = component::model(preset, &components.unet, options, |weights| {
            let unet = UNet2DConditionModel::load(&config, weights, Some(&adapter), compute)?;
            weights.finish()?;
            Ok(unet)
        })?;
        let projection =
            FaceIdPlusProjection::load(&face_id, &adapter.image_projection(), compute)?;
        adapter.finish()?;
        Ok((unet, projection))
    })
}

fn load_text_encoder(
    preset: &Preset,
    options: &LoadOptions,
    compute: &Compute,
) -> Result<ClipTextModel, EngineError> {
    options.progress.begin("text_encoder");
    let component = &preset.components().text_encoder;
    let config: ClipTextConfig = component::config(preset, component)?;
    component::model(preset, component, options, |weights| {
        let model = ClipTextModel::load(&config, weights, compute)?;
        weights.finish()?;
        Ok(model)
    })
}

fn load_face(
    preset: &Preset,
    options: &LoadOptions,
    projection: FaceIdPlusProjection,
    compute: &Compute,
) -> Result<FaceEncoder, EngineError> {
    options.progress.begin("image_encoder");
    let components = preset.components();
    let config: ClipVisionConfig = component::config(preset, &components.image_encoder)?;
    let image_encoder = component::model(preset, &components.image_encoder, options, |weights| {
        let model = ClipVisionModel::load(&config, weights, compute)?;
        weights.finish()?;
        Ok(model)
    })?;
    let detector = YuNetDetector::load(component::file(preset, &components.face_detector)?)?;
    let embedder = OnnxEmbedder::load(component::file(preset, &components.face_embedder)?)?;
    let analyzer = FaceAnalyzer::new(Box::new(detector), Box::new(embedder));
    let channel_order = preset.options().clip_channel_order.into();
    FaceEncoder::new(analyzer, image_encoder, &config, projection, channel_order)
}

fn load_vae(
    preset: &Preset,
    options: &LoadOptions,
    compute: &Compute,
) -> Result<AutoencoderKl, EngineError> {
    options.progress.begin("vae");
    let component = &preset.components().vae;
    let config: AutoencoderKlConfig = component::config(preset, component)?;
    component::model(preset, component, options, |weights| {
        let model = AutoencoderKl::load(&config, weights, compute)?;
        weights.finish()?;
        Ok(model)
    })
}

fn load_safety_checker(
    preset: &Preset,
    options: &LoadOptions,
    compute: &Compute,
) -> Result<Option<SafetyChecker>, EngineError> {
    let Some(component) = &preset.components().safety_checker else {
        return Ok(None);
    };
    options.progress.begin("safety_checker");
    let config: SafetyCheckerConfig = component::config(preset, component)?;
    let checker = component::model(preset, component, options, |weights| {
        let checker = SafetyChecker::load(&config, weights, compute)?;
        weights.finish()?;
        Ok(checker)
    })?;
    Ok(Some(checker))
}
