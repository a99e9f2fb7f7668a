//! A request before it is parsed, and the parser.

use super::errors::Findings;
use super::{
    FieldError, GenerationRequest, GuidanceScale, PictureSize, Prompt, RequestError, SScale,
    Safety, Samples, Scalar, Steps, Style, UnseededRequest,
};
use crate::redact::SafeUrl;

/// The fields of a request as they were sent, absent ones as
/// [`Scalar::Null`].
///
/// The key and the face image are not among them: they are secrets with types
/// of their own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawGenerationRequest {
    /// What the pictures shall show. Required.
    pub prompt: Scalar,
    /// What the pictures shall not show.
    pub negative_prompt: Scalar,
    /// In pixels; see [`PictureSize`].
    pub width: Scalar,
    /// In pixels; see [`PictureSize`].
    pub height: Scalar,
    /// See [`Steps`].
    pub num_inference_steps: Scalar,
    /// See [`GuidanceScale`].
    pub guidance_scale: Scalar,
    /// See [`SScale`].
    pub s_scale: Scalar,
    /// 0 to 2³²−1; random when absent.
    pub seed: Scalar,
    /// See [`Samples`].
    pub samples: Scalar,
    /// Whether unsafe pictures are looked for; see [`Safety`].
    pub safety_checker: Scalar,
    /// What is done to them; see [`Safety`].
    pub safety_checker_type: Scalar,
    /// See [`Style`].
    pub style: Scalar,
    /// Whether the pictures are wanted as base64 text.
    pub base64: Scalar,
    /// Where to report the end of the job. Carried, not looked into.
    pub webhook: Scalar,
    /// The caller's own name for the request. Carried, not looked into.
    pub track_id: Scalar,
}

impl RawGenerationRequest {
    /// The place of the field with this name on the wire, `None` for fields
    /// that are not part of it. White space around the name is ignored: a
    /// published example sends `" track_id"`.
    pub fn field_mut(&mut self, name: &str) -> Option<&mut Scalar> {
        Some(match name.trim() {
            "prompt" => &mut self.prompt,
            "negative_prompt" => &mut self.negative_prompt,
            "width" => &mut self.width,
            "height" => &mut self.height,
            "num_inference_steps" => &mut self.num_inference_steps,
            "guidance_scale" => &mut self.guidance_scale,
            "s_scale" => &mut self.s_scale,
            "seed" => &mut self.seed,
            "samples" => &mut self.samples,
            "safety_checker" => &mut self.safety_checker,
            "safety_checker_type" => &mut self.safety_checker_type,
            "style" => &mut self.style,
            "base64" => &mut self.base64,
            "webhook" => &mut self.webhook,
            "track_id" => &mut self.track_id,
            _ => return None,
        })
    }

    /// Reads every field, and checks that each value can be used.
    ///
    /// # Errors
    /// All fields that are missing or cannot be used, with one sentence each.
    pub fn parse(self) -> Result<UnseededRequest, RequestError> {
        let mut findings = Findings::default();
        let prompt = findings.accept(read_prompt("prompt", &self.prompt, true));
        let negative_prompt =
            findings.accept(read_prompt("negative_prompt", &self.negative_prompt, false));
        let size = PictureSize::read(&self.width, &self.height, &mut findings);
        let steps = Steps::read(&self.num_inference_steps, &mut findings);
        let guidance_scale = GuidanceScale::read(&self.guidance_scale, &mut findings);
        let s_scale = SScale::read(&self.s_scale, &mut findings);
        let seed = findings.accept(self.seed.integer_within("seed", 0..=u32::MAX));
        let samples = Samples::read(&self.samples, &mut findings);
        let safety = Safety::read(
            &self.safety_checker,
            &self.safety_checker_type,
            &mut findings,
        );
        let style = Style::read(&self.style, &mut findings);
        let base64 = findings.accept(self.base64.boolean("base64"));
        let webhook = findings.accept(self.webhook.text("webhook"));

        let Findings { errors, warnings } = findings;
        let (Some(prompt), true) = (prompt, errors.is_empty()) else {
            return Err(RequestError { errors });
        };
        let request = GenerationRequest {
            prompt,
            negative_prompt,
            size,
            steps,
            guidance_scale,
            s_scale,
            samples,
            seed: 0,
            safety,
            style,
            base64: base64.unwrap_or(false),
            webhook: webhook.map(SafeUrl::from),
            track_id: Some(self.track_id).filter(|value| !value.is_absent()),
            warnings,
        };
        Ok(UnseededRequest { request, seed })
    }
}

/// Reads a prompt; `None` when it is absent and may be.
fn read_prompt(
    field: &'static str,
    raw: &Scalar,
    required: bool,
) -> Result<Option<Prompt>, FieldError> {
    match raw.text(field)? {
        None if required => Err(FieldError::new(field, "is required")),
        None => Ok(None),
        Some(text) => Prompt::new(field, text).map(Some),
    }
}
