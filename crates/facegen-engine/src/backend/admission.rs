use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::Tensor;
use facegen_core::request::Style;
use facegen_core::{GenerationInput, GenerationRequest, GenerationTimings};
use facegen_diffusion::{Conditioning, DdimConfig, DdimScheduler, ImagePrompt, Scheduler};

use super::slots::Admitted;
use crate::denoise::{DenoiseState, Guidance};
use crate::prompt::PROMPT_TOKENS;
use crate::{EngineError, Models};

/// All that happens to a request before its first step: face, prompts,
/// conditioning and noise.
pub(super) fn admit(
    models: &Models,
    adapter_scale: f64,
    input: &GenerationInput,
) -> Result<Admitted, EngineError> {
    let request = &input.request;
    refuse_what_is_not_offered(request)?;
    let mut warnings = Vec::new();
    let mut timings = GenerationTimings::default();

    let face = timed(&mut timings.face_analysis, || {
        models.face.analyze(&input.face)
    })?;
    if face.faces_found > 1 {
        warnings.push(format!(
            "face_image shows {} faces; the most certain one was used",
            face.faces_found
        ));
    }
    let guided = request.guidance_scale() > 1.0;
    let (prompt, negative_prompt) = timed(&mut timings.text_encoding, || {
        let prompt = encode_prompt(models, "prompt", request.prompt(), &mut warnings)?;
        let negative_prompt = guided
            .then(|| {
                encode_prompt(
                    models,
                    "negative_prompt",
                    request.negative_prompt(),
                    &mut warnings,
                )
            })
            .transpose()?;
        Ok((prompt, negative_prompt))
    })?;
    let guidance = timed(&mut timings.conditioning, || {
        let tokens = models
            .face
            .tokens(&face.crop, &face.id_embedding, request.s_scale())?;
        let prepare = |text: Tensor, tokens: Tensor| {
            let image = Some(ImagePrompt {
                tokens,
                scale: adapter_scale,
            });
            models.unet.prepare(&Conditioning { text, image })
        };
        Ok(Arc::new(Guidance {
            cond: prepare(prompt, tokens.cond)?,
            uncond: negative_prompt
                .map(|text| prepare(text, tokens.uncond))
                .transpose()?,
            guidance_scale: request.guidance_scale(),
        }))
    })?;
    if request.safety().enabled {
        warnings
            .push("this preset has no safety checker; the pictures were not checked".to_owned());
    }
    let states = start_from_noise(models, request, &guidance)?;
    Ok(Admitted {
        seed: request.seed(),
        steps: request.steps(),
        states,
        warnings,
        timings,
    })
}

fn refuse_what_is_not_offered(request: &GenerationRequest) -> Result<(), EngineError> {
    if request.style() == Style::Realistic {
        return Ok(());
    }
    let style = request.style().as_str();
    Err(EngineError::NotOffered(format!(
        "this preset does not offer the style {style}"
    )))
}

/// The hidden states of one prompt.
fn encode_prompt(
    models: &Models,
    field: &str,
    prompt: &str,
    warnings: &mut Vec<String>,
) -> Result<Tensor, EngineError> {
    let tokens = models.tokenizer.encode(prompt)?;
    if tokens.truncated > 0 {
        let (fits, truncated) = (PROMPT_TOKENS - 2, tokens.truncated);
        warnings.push(format!(
            "{field} is longer than {fits} tokens; the last {truncated} were left off"
        ));
    }
    Ok(models.text_encoder.forward(&tokens.ids)?)
}

/// One state for each sample; sample *i* starts from the noise of `seed + i`.
fn start_from_noise(
    models: &Models,
    request: &GenerationRequest,
    guidance: &Arc<Guidance>,
) -> Result<Vec<DenoiseState>, EngineError> {
    let scheduler: Arc<dyn Scheduler> =
        Arc::new(DdimScheduler::new(&DdimConfig::default(), request.steps())?);
    let (width, height) = (request.width() as usize, request.height() as usize);
    let state = |index: usize| {
        DenoiseState::from_noise(
            request.sample_seed(index as u32),
            width,
            height,
            Arc::clone(&scheduler),
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
