//! A request before it is parsed, and the parser.

use super::errors::Diagnostics;
use super::{
    AutoSize, DeliveryOptions, FieldError, GenerationRequest, GenerationSpec, GuidanceScale,
    ImageSize, Prompt, RequestError, RequestLimits, SScale, Safety, Samples, Scalar, Steps, Style,
    UnseededRequest,
};
use crate::face::source::MAX_URL_BYTES;
use crate::redact::SafeUrl;

/// The longest webhook URL in bytes, the same as for photos.
pub const MAX_WEBHOOK_BYTES: usize = MAX_URL_BYTES;

/// The longest track id in bytes. It is stored and echoed.
pub const MAX_TRACK_ID_BYTES: usize = 1_000;

/// The fields of a request as they were sent, absent ones as
/// [`Scalar::Null`].
///
/// The key and the photo are separate: they are secrets with their own types.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawGenerationRequest {
    /// What the images are to show. Required.
    pub prompt: Scalar,
    /// What the images are not to show.
    pub negative_prompt: Scalar,
    /// In pixels; see [`ImageSize`].
    pub width: Scalar,
    /// In pixels; see [`ImageSize`].
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
    /// Whether images are checked for safety; see [`Safety`].
    pub safety_checker: Scalar,
    /// The replacement of unsafe images; see [`Safety`].
    pub safety_checker_type: Scalar,
    /// See [`Style`].
    pub style: Scalar,
    /// Whether the images are wanted as base64 text.
    pub base64: Scalar,
    /// The URL to which the end of the job is reported: `http` or `https`, of
    /// at most [`MAX_WEBHOOK_BYTES`].
    pub webhook: Scalar,
    /// The caller's id for the request, of at most [`MAX_TRACK_ID_BYTES`] when
    /// it is text. Opaque to the server.
    pub track_id: Scalar,
}

impl RawGenerationRequest {
    /// The names of the fields on the wire, in the order of the documentation:
    /// those that [`RawGenerationRequest::field_mut`] knows.
    pub const NAMES: [&str; 15] = [
        "prompt",
        "negative_prompt",
        "width",
        "height",
        "num_inference_steps",
        "guidance_scale",
        "s_scale",
        "seed",
        "samples",
        "safety_checker",
        "safety_checker_type",
        "style",
        "base64",
        "webhook",
        "track_id",
    ];

    /// Returns the field with this name on the wire, `None` for unknown fields.
    /// White space around the name is ignored: a published example sends `"
    /// track_id"`.
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

    /// Parses every field, and checks it against the limits of a preset.
    ///
    /// # Errors
    /// Returns all fields that are missing or invalid, with one sentence each.
    pub fn parse(self, limits: &RequestLimits) -> Result<UnseededRequest, RequestError> {
        let mut findings = Diagnostics::default();
        let prompt = findings.accept(read_prompt("prompt", &self.prompt, true));
        let negative_prompt =
            findings.accept(read_prompt("negative_prompt", &self.negative_prompt, false));
        let size = ImageSize::read(&self.width, &self.height, &limits.size, &mut findings);
        let steps = Steps::read(&self.num_inference_steps, &limits.steps, &mut findings);
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
        let webhook = findings.accept(read_webhook(&self.webhook));
        let track_id = findings.accept(read_track_id(self.track_id));

        let Diagnostics { errors, warnings } = findings;
        let (Some(prompt), true) = (prompt, errors.is_empty()) else {
            return Err(RequestError { errors });
        };
        let spec = GenerationSpec {
            prompt,
            negative_prompt,
            size,
            auto_size: AutoSize::None,
            size_limits: limits.size,
            steps,
            guidance_scale,
            s_scale,
            samples,
            seed: 0,
            safety,
            style,
        };
        let delivery = DeliveryOptions {
            base64: base64.unwrap_or(false),
            webhook: webhook.map(SafeUrl::from),
            track_id,
        };
        let request = GenerationRequest {
            spec,
            delivery,
            warnings,
        };
        Ok(UnseededRequest { request, seed })
    }
}

/// Reads the URL. Whether it may be opened is checked when it is; only URLs
/// that could never be, or would forge lines of a log, are refused here.
fn read_webhook(raw: &Scalar) -> Result<Option<String>, FieldError> {
    let Some(url) = raw.text("webhook")? else {
        return Ok(None);
    };
    if url.len() > MAX_WEBHOOK_BYTES {
        let rule = format!("must not be longer than {MAX_WEBHOOK_BYTES} bytes");
        return Err(FieldError::new("webhook", rule));
    }
    if is_web_url(url) {
        Ok(Some(url.to_owned()))
    } else {
        Err(FieldError::new("webhook", "must be an http or https URL"))
    }
}

/// Checks that `text` is an `http` or `https` URL with a host, without white
/// space and control characters.
pub(crate) fn is_web_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let is_web = ["http", "https"]
        .iter()
        .any(|web| scheme.eq_ignore_ascii_case(web));
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let has_host = !host.is_empty() && !host.starts_with(':');
    let is_printable = |character: char| !character.is_control() && !character.is_whitespace();
    is_web && has_host && text.chars().all(is_printable)
}

/// Reads the track id in the type in which it was sent.
fn read_track_id(raw: Scalar) -> Result<Option<Scalar>, FieldError> {
    match &raw {
        Scalar::Text(text) if text.len() > MAX_TRACK_ID_BYTES => {
            let rule = format!("must not be longer than {MAX_TRACK_ID_BYTES} bytes");
            Err(FieldError::new("track_id", rule))
        }
        Scalar::Null
        | Scalar::Bool(_)
        | Scalar::Integer(_)
        | Scalar::Float(_)
        | Scalar::Text(_) => Ok(Some(raw).filter(|value| !value.is_absent())),
    }
}

/// Reads a prompt; `None` when it is absent and not required.
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
