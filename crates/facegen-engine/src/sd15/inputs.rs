//! The inputs of the denoising: the style, the prompts and the face.

use std::sync::Arc;

use candle_core::Tensor;
use facegen_core::GenerationSpec;
use facegen_diffusion::{Conditioning, ImagePrompt};
use facegen_vision::FaceAnalysis;

use super::denoise::Guidance;
use super::prompt::{PROMPT_TOKENS, PromptTokens};
use crate::load::StylePipeline;
use crate::{EngineError, Models};

/// The hidden states of the prompt and, if there is guidance, of the negative
/// prompt.
pub(super) struct Prompts {
    positive: Tensor,
    negative: Option<Tensor>,
}

/// Encodes the prompts, including the words of the style.
pub(super) fn encode_prompts(
    models: &Models,
    style_pipeline: &StylePipeline,
    spec: &GenerationSpec,
    warnings: &mut Vec<String>,
) -> Result<Prompts, EngineError> {
    let (prompt, negative_prompt) = (
        style_pipeline.recipe.prompt(spec.prompt()),
        style_pipeline
            .recipe
            .negative_prompt(spec.negative_prompt()),
    );
    let mut encode = |field, prompt: &str| {
        let tokens = tokenize(models, field, prompt, warnings)?;
        Ok::<_, EngineError>(style_pipeline.base.text_encoder.forward(&tokens.ids)?)
    };
    let positive = encode("prompt", &prompt)?;
    let guided = spec.guidance_scale() > 1.0;
    let negative = guided.then(|| encode("negative_prompt", &negative_prompt));
    Ok(Prompts {
        positive,
        negative: negative.transpose()?,
    })
}

/// Computes the keys and values of both rows of guidance.
pub(super) fn prepare_guidance(
    models: &Models,
    style_pipeline: &StylePipeline,
    adapter_scale: f64,
    spec: &GenerationSpec,
    face: &FaceAnalysis,
    prompts: Prompts,
) -> Result<Arc<Guidance>, EngineError> {
    let id_embedding = face.id_embedding.as_deref();
    let tokens = models
        .face
        .tokens(&face.crop, id_embedding, spec.s_scale())?;
    let scale = models.face.attention_scale(adapter_scale, spec.s_scale());
    let prepare = |text: Tensor, tokens: Tensor| {
        let image = Some(ImagePrompt { tokens, scale });
        style_pipeline
            .base
            .unet
            .prepare(&Conditioning { text, image })
    };
    Ok(Arc::new(Guidance {
        cond: prepare(prompts.positive, tokens.cond)?,
        uncond: prompts
            .negative
            .map(|text| prepare(text, tokens.uncond))
            .transpose()?,
        guidance_scale: spec.guidance_scale(),
    }))
}

/// Warns of a choice that the caller may not be aware of.
pub(super) fn warn_of_other_faces(face: &FaceAnalysis, warnings: &mut Vec<String>) {
    if face.faces_found > 1 {
        let (faces, chosen) = (face.faces_found, face.choice.chosen());
        warnings.push(format!(
            "face_image shows {faces} faces; {chosen} one was used"
        ));
    }
}

/// Finds the prompts and models of the request's style.
///
/// # Errors
/// Fails when the preset does not offer it.
pub(super) fn style_pipeline_of<'m>(
    models: &'m Models,
    spec: &GenerationSpec,
) -> Result<&'m StylePipeline, EngineError> {
    let style = spec.style();
    models.style_pipelines.get(&style).ok_or_else(|| {
        let style = style.as_str();
        EngineError::NotOffered(format!("this preset does not offer the style {style}"))
    })
}

fn tokenize(
    models: &Models,
    field: &str,
    prompt: &str,
    warnings: &mut Vec<String>,
) -> Result<PromptTokens, EngineError> {
    let tokens = models.tokenizer.encode(prompt)?;
    if tokens.truncated > 0 {
        let (fits, truncated) = (PROMPT_TOKENS - 2, tokens.truncated);
        warnings.push(format!(
            "{field} is longer than {fits} tokens; the last {truncated} were left off"
        ));
    }
    Ok(tokens)
}
