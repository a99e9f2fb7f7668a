use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use facegen_core::Preset;
use facegen_core::request::Style;
use facegen_diffusion::{
    AdapterWeights, AutoencoderKl, AutoencoderKlConfig, UNet2DConditionConfig,
    UNet2DConditionModel, checkpoint,
};
use facegen_nn::clip::{ClipTextConfig, ClipTextModel, ClipVisionConfig};
use facegen_nn::{Compute, Weights};
use facegen_vision::{
    FaceAnalyzer, OnnxEmbedder, RetryingDetector, SafetyChecker, SafetyCheckerConfig, load_detector,
};

use super::adapter::{Adapter, adapter};
use super::style_pipeline::{BaseModel, StylePipeline, each, style_pipelines};
use super::{LoadOptions, component, fit};
use crate::sd15::face::{FaceEncoder, ImageEncoder, ImageProjection};
use crate::sd15::prompt::PromptTokenizer;
use crate::{EngineError, device, precision};

/// The models that generate a preset's images.
#[derive(Debug)]
pub struct Models {
    /// Tokenises prompts.
    pub tokenizer: PromptTokenizer,
    /// Encodes photos to image tokens.
    pub face: FaceEncoder,
    /// The prompts and models of each style on offer.
    pub style_pipelines: BTreeMap<Style, StylePipeline>,
    /// The device and dtype of all models.
    pub compute: Compute,
    /// Whether memory goes back to the system when nothing is in progress.
    pub releases: bool,
}

impl Models {
    /// Loads every component of a preset with located files, including those of
    /// its styles and its safety checker, if any: no request waits for a model,
    /// and a lack of memory shows at the start.
    ///
    /// # Errors
    /// Fails when a file is missing, differs from the one in the preset, or
    /// does not match its config.
    pub fn load(
        preset: &Preset,
        options: &LoadOptions,
    ) -> Result<(Self, Option<SafetyChecker>), EngineError> {
        let started = Instant::now();
        let (styles, presets): (Vec<_>, Vec<_>) = preset.base_models().into_iter().unzip();
        presets.iter().try_for_each(fit::check)?;
        let device = options.device.open()?;
        let dtype = precision::dtype_of(preset.options().precision(!device.is_cpu()));
        let compute = device::compute(device, dtype, options.candle_operations);
        let progress = options.progress.clone();
        let options = &LoadOptions {
            packs: options.packs.begin(&compute),
            progress: progress.with_safety_checker(preset.has_safety_checker()),
            ..options.clone()
        };
        let adapter = &*adapter(preset)?;
        let (unets, projection) = load_unets(&presets, options, adapter, &compute)?;
        let text_encoders = load_text_encoders(&presets, options, &compute)?;
        let analyzer = load_analyzer(preset, adapter)?;
        let face = load_face(preset, options, analyzer, projection, &compute)?;
        let vaes = load_vaes(&presets, options, &compute)?;
        let bases = unets.into_iter().zip(text_encoders).zip(vaes);
        let bases = bases.map(|((unet, text_encoder), vae)| BaseModel {
            text_encoder,
            unet,
            vae,
        });
        let safety_checker = load_safety_checker(preset, options, &compute)?;
        options.packs.remove_unused(preset.name());
        let models = Self {
            tokenizer: PromptTokenizer::load(&component::file(
                preset,
                &preset.components().tokenizer,
            )?)?,
            face,
            style_pipelines: style_pipelines(preset, &styles.into_iter().zip(bases).collect())?,
            compute,
            releases: options.packs.releases(),
        };
        models.log_loaded(preset, presets.len(), started.elapsed());
        Ok((models, safety_checker))
    }

    /// Logs what was loaded, and what an operator has to know about it.
    fn log_loaded(&self, preset: &Preset, base_models: usize, time: Duration) {
        tracing::info!(
            preset = preset.name(),
            device = ?self.compute.device().location(),
            dtype = ?self.compute.dtype(),
            kernel = self.compute.kernel(),
            base_models,
            seconds = time.as_secs_f32(),
            "models loaded"
        );
        if self.compute.gains_nothing() {
            tracing::warn!(
                preset = preset.name(),
                dtype = ?self.compute.dtype(),
                "this processor has no fast instructions for the dtype of the preset: f32 would be \
                 as fast and more exact, set options.dtype in the preset's manifest"
            );
        }
        if let Some(notice) = preset.notice() {
            tracing::info!(preset = preset.name(), notice, "preset notice");
        }
    }
}

/// The UNets of all base models.
type UNets = Vec<Arc<UNet2DConditionModel>>;

/// Loads the UNets and the adapter's projection, which share the adapter's
/// file. The other presets are derived from the first.
fn load_unets(
    presets: &[Preset],
    options: &LoadOptions,
    adapter: &dyn Adapter,
    compute: &Compute,
) -> Result<(UNets, Box<dyn ImageProjection>), EngineError> {
    options.progress.begin("unet");
    let none = || EngineError::Defect("there is no base model".into());
    let preset = presets.first().ok_or_else(none)?;
    let components = preset.components();
    component::model(preset, &components.adapter, options, |weights| {
        let lora = components.lora.as_ref();
        let lora = lora.map(|lora| component::file(preset, lora));
        let lora = lora.transpose()?.map(|file| Weights::open(&file));
        let weights = adapter.weights(weights.clone(), lora.transpose()?)?;
        let unets = each(
            presets,
            |components| &components.unet,
            |preset| load_unet(preset, options, &weights, compute),
        )?;
        let projection = adapter.projection(&weights.image_projection(), compute)?;
        weights.finish()?;
        Ok((unets, projection))
    })
}

fn load_unet(
    preset: &Preset,
    options: &LoadOptions,
    adapter: &AdapterWeights,
    compute: &Compute,
) -> Result<UNet2DConditionModel, EngineError> {
    let components = preset.components();
    let component = &components.unet;
    let config: UNet2DConditionConfig = component::config(preset, component)?;
    let patches: Vec<_> = std::iter::once(&components.adapter)
        .chain(&components.lora)
        .collect();
    component::patched_model(preset, component, &patches, options, |weights| {
        let weights = checkpoint::unet(weights, &config);
        let unet = UNet2DConditionModel::load(&config, &weights, Some(adapter), compute)?;
        weights.finish()?;
        Ok(unet)
    })
}

fn load_text_encoders(
    presets: &[Preset],
    options: &LoadOptions,
    compute: &Compute,
) -> Result<Vec<Arc<ClipTextModel>>, EngineError> {
    options.progress.begin("text_encoder");
    each(
        presets,
        |components| &components.text_encoder,
        |preset| load_text_encoder(preset, options, compute),
    )
}

fn load_text_encoder(
    preset: &Preset,
    options: &LoadOptions,
    compute: &Compute,
) -> Result<ClipTextModel, EngineError> {
    let component = &preset.components().text_encoder;
    let config: ClipTextConfig = component::config(preset, component)?;
    component::model(preset, component, options, |weights| {
        let weights = checkpoint::text_encoder(weights);
        let model = ClipTextModel::load(&config, &weights, compute)?;
        weights.finish()?;
        Ok(model)
    })
}

fn load_face(
    preset: &Preset,
    options: &LoadOptions,
    analyzer: FaceAnalyzer,
    projection: Box<dyn ImageProjection>,
    compute: &Compute,
) -> Result<FaceEncoder, EngineError> {
    options.progress.begin("image_encoder");
    let components = preset.components();
    let config: ClipVisionConfig = component::config(preset, &components.image_encoder)?;
    let image_encoder = component::model(preset, &components.image_encoder, options, |weights| {
        let encoder = ImageEncoder::load(&config, weights, compute)?;
        weights.finish()?;
        Ok(encoder)
    })?;
    let channel_order = preset.options().clip_channel_order;
    let face = FaceEncoder::new(analyzer, image_encoder, projection, channel_order);
    Ok(face.releasing(options.packs.releases()))
}

fn load_analyzer(preset: &Preset, adapter: &dyn Adapter) -> Result<FaceAnalyzer, EngineError> {
    let components = preset.components();
    let detector = load_detector(component::file(preset, &components.face_detector)?)?;
    let detector = Box::new(RetryingDetector::new(detector));
    let analyzer = if adapter.needs_embedder() {
        let embedder = components.face_embedder.as_ref();
        let embedder =
            embedder.ok_or_else(|| preset.refusal("the adapter needs a face_embedder"))?;
        let embedder = OnnxEmbedder::load(component::file(preset, embedder)?)?;
        FaceAnalyzer::new(detector, Box::new(embedder))
    } else {
        FaceAnalyzer::without_embedder(detector)
    };
    Ok(analyzer.choosing(preset.options().face))
}

fn load_vaes(
    presets: &[Preset],
    options: &LoadOptions,
    compute: &Compute,
) -> Result<Vec<Arc<AutoencoderKl>>, EngineError> {
    options.progress.begin("vae");
    each(
        presets,
        |components| &components.vae,
        |preset| load_vae(preset, options, compute),
    )
}

fn load_vae(
    preset: &Preset,
    options: &LoadOptions,
    compute: &Compute,
) -> Result<AutoencoderKl, EngineError> {
    let component = &preset.components().vae;
    let config: AutoencoderKlConfig = component::config(preset, component)?;
    component::model(preset, component, options, |weights| {
        let weights = checkpoint::vae(weights, &config);
        let model = AutoencoderKl::load(&config, &weights, compute)?;
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
