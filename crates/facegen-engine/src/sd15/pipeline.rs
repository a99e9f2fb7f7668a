use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::Tensor;
use facegen_core::{GenerationInput, GenerationRequest, GenerationTimings};
use facegen_diffusion::{Conditioning, DdimConfig, ImagePrompt, SchedulerConfig};
use facegen_vision::FaceAnalysis;

use super::safety;
use super::slots::Admitted;
use crate::sd15::denoise::{DenoiseState, Guidance};
use crate::load::Look;
use crate::sd15::prompt::{PROMPT_TOKENS, PromptTokens};
use crate::{EngineError, Models, SafetyPolicy};

/// All that happens to a request before its first step: face, prompts,
/// conditioning and noise.
pub(super) fn admit(
    models: &Models,
    adapter_scale: f64,
    policy: SafetyPolicy,
    input: &GenerationInput,
) -> Result<Admitted, EngineError> {
    let request = &input.request;
    let look = look_of(models, request)?;
    let mut warnings = Vec::new();
    let mut timings = GenerationTimings::default();
    let face = timed(&mut timings.face_analysis, || {
        models.face.analyze(&input.face)
    })?;
    let prompts = timed(&mut timings.text_encoding, || {
        models
            .compute
            .run(|| encode_prompts(models, look, request, &mut warnings))
    })?;
    let guidance = timed(&mut timings.conditioning, || {
        models
            .compute
            .run(|| prepare_guidance(models, look, adapter_scale, request, &face, prompts))
    })?;
    warn_of_others(&face, &mut warnings);
    let safety_action = safety::action(models, policy, request.safety(), &mut warnings);
    Ok(Admitted {
        base: look.base.clone(),
        seed: request.seed(),
        steps: request.steps(),
        states: start_from_noise(models, request, &guidance)?,
        safety_action,
        warnings,
        timings,
    })
}

/// The hidden states of the prompt and, where there is guidance, of the
/// negative prompt.
struct Prompts {
    positive: Tensor,
    negative: Option<Tensor>,
}

fn encode_prompts(
    models: &Models,
    look: &Look,
    request: &GenerationRequest,
    warnings: &mut Vec<String>,
) -> Result<Prompts, EngineError> {
    let (prompt, negative_prompt) = (
        look.recipe.prompt(request.prompt()),
        look.recipe.negative_prompt(request.negative_prompt()),
    );
    let mut encode = |field, prompt: &str| {
        let tokens = tokenize(models, field, prompt, warnings)?;
        Ok::<_, EngineError>(look.base.text_encoder.forward(&tokens.ids)?)
    };
    let positive = encode("prompt", &prompt)?;
    let guided = request.guidance_scale() > 1.0;
    let negative = guided.then(|| encode("negative_prompt", &negative_prompt));
    Ok(Prompts {
        positive,
        negative: negative.transpose()?,
    })
}

/// Keys and values of both rows of guidance.
fn prepare_guidance(
    models: &Models,
    look: &Look,
    adapter_scale: f64,
    request: &GenerationRequest,
    face: &FaceAnalysis,
    prompts: Prompts,
) -> Result<Arc<Guidance>, EngineError> {
    let id_embedding = face.id_embedding.as_deref();
    let tokens = models
        .face
        .tokens(&face.crop, id_embedding, request.s_scale())?;
    let scale = models
        .face
        .attention_scale(adapter_scale, request.s_scale());
    let prepare = |text: Tensor, tokens: Tensor| {
        let image = Some(ImagePrompt { tokens, scale });
        look.base.unet.prepare(&Conditioning { text, image })
    };
    Ok(Arc::new(Guidance {
        cond: prepare(prompts.positive, tokens.cond)?,
        uncond: prompts
            .negative
            .map(|text| prepare(text, tokens.uncond))
            .transpose()?,
        guidance_scale: request.guidance_scale(),
    }))
}

/// The caller should know when there was a choice.
fn warn_of_others(face: &FaceAnalysis, warnings: &mut Vec<String>) {
    if face.faces_found > 1 {
        let (faces, chosen) = (face.faces_found, face.choice.chosen());
        warnings.push(format!(
            "face_image shows {faces} faces; {chosen} one was used"
        ));
    }
}

/// How the pictures of a request are made.
fn look_of<'m>(models: &'m Models, request: &GenerationRequest) -> Result<&'m Look, EngineError> {
    let style = request.style();
    models.looks.get(&style).ok_or_else(|| {
        let style = style.as_str();
        EngineError::NotOffered(format!("this preset does not offer the style {style}"))
    })
}

/// The tokens of one prompt, the words of its style among them.
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

/// One state for each sample; sample *i* starts from the noise of `seed + i`.
fn start_from_noise(
    models: &Models,
    request: &GenerationRequest,
    guidance: &Arc<Guidance>,
) -> Result<Vec<DenoiseState>, EngineError> {
    let scheduler = DdimConfig::default().build(request.steps())?;
    let (width, height) = (request.width() as usize, request.height() as usize);
    let state = |index: usize| {
        DenoiseState::from_noise(
            request.sample_seed(index as u32),
            width,
            height,
            scheduler.clone(),
            Arc::clone(guidance),
            models.compute.device(),
        )
    };
    (0..request.samples()).map(state).collect()
}

/// Runs a stage and adds the time that it took.
fn timed<T>(
    total: &mut Duration,
    stage: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let started = Instant::now();
    let result = stage();
    *total += started.elapsed();
    result
}
