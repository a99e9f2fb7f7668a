//! What a caller asks for.
//!
//! A request is parsed once, here, and nothing after that checks it again:
//! [`RawGenerationRequest`] holds whatever scalars came in, from JSON, from a
//! form or from the command line; [`RawGenerationRequest::parse`] reads them
//! leniently and either names every field that is wrong or gives a request
//! whose values are all in range.
//!
//! | chapter | holds |
//! |---|---|
//! | [`scalar`] | [`Scalar`] and its lenient readers |
//! | [`raw`] | [`RawGenerationRequest`], and the parser |
//! | [`errors`] | [`FieldError`] and [`RequestError`] |
//! | [`limits`] | [`RequestLimits`], what a preset offers of sizes and steps |
//! | [`prompt`] | [`Prompt`] |
//! | [`size`] | [`PictureSize`] |
//! | [`open_sides`] | [`OpenSides`], sizes that follow the photograph's |
//! | [`sampling`] | [`Steps`], [`GuidanceScale`], [`SScale`], [`Samples`] |
//! | [`choices`] | [`SafetyCheckerType`], [`Safety`], [`Style`] |

pub mod choices;
pub mod errors;
pub mod limits;
pub mod open_sides;
pub mod prompt;
pub mod raw;
pub mod sampling;
pub mod scalar;
pub mod size;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use choices::{Safety, SafetyCheckerType, Style};
pub use errors::{FieldError, RequestError};
pub use limits::{RequestLimits, SizeLimits, StepChoices};
pub use open_sides::OpenSides;
pub use prompt::Prompt;
pub use raw::RawGenerationRequest;
pub use sampling::{GuidanceScale, SScale, Samples, Steps};
pub use scalar::Scalar;
pub use size::PictureSize;

use crate::redact::SafeUrl;

/// Everything that decides what the pictures show, except the photograph.
///
/// Every value is in range and is the one that is used, so it can be echoed to
/// the caller as it is. `Debug` shows neither the prompts nor of the
/// webhook more than its host. Reading one with serde checks every value again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerationRequest {
    prompt: Prompt,
    negative_prompt: Option<Prompt>,
    size: PictureSize,
    #[serde(default, skip_serializing_if = "OpenSides::is_none")]
    open_sides: OpenSides,
    /// Of the preset that the request was read for.
    #[serde(default, skip_serializing_if = "is_default")]
    size_limits: SizeLimits,
    steps: Steps,
    guidance_scale: GuidanceScale,
    s_scale: SScale,
    samples: Samples,
    seed: u32,
    safety: Safety,
    style: Style,
    base64: bool,
    webhook: Option<SafeUrl>,
    track_id: Option<Scalar>,
    warnings: Vec<String>,
}

impl GenerationRequest {
    /// What the pictures shall show; never empty.
    #[must_use]
    pub fn prompt(&self) -> &str {
        self.prompt.as_str()
    }

    /// What the pictures shall not show; empty when nothing was given.
    #[must_use]
    pub fn negative_prompt(&self) -> &str {
        self.negative_prompt.as_ref().map_or("", Prompt::as_str)
    }

    /// The size of the pictures.
    #[must_use]
    pub fn size(&self) -> PictureSize {
        self.size
    }

    /// The width of the pictures in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.size.width()
    }

    /// The height of the pictures in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.size.height()
    }

    /// Which sides are not known before the photograph is.
    #[must_use]
    pub fn open_sides(&self) -> OpenSides {
        self.open_sides
    }

    /// The request with the size that it has for a photograph of so many
    /// pixels.
    #[must_use]
    pub fn fitted_to(self, width: u32, height: u32) -> Self {
        Self {
            size: self
                .open_sides
                .fit(self.size, width, height, &self.size_limits),
            open_sides: OpenSides::None,
            ..self
        }
    }

    /// The number of denoising steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps.get()
    }

    /// Checks the size and the number of steps, which may have been read for
    /// another preset than the one that makes the pictures.
    ///
    /// # Errors
    /// The field that the preset does not offer.
    pub fn check(&self, limits: &RequestLimits) -> Result<(), FieldError> {
        let size = PictureSize::new(self.width(), self.height(), &limits.size)?;
        if size != self.size {
            let rule = format!("must be a multiple of {}", limits.size.multiple_of());
            return Err(FieldError::new("width", rule));
        }
        let steps = u32::from(self.steps);
        if limits.steps.nearest(steps) != steps {
            let rule = format!("must be one of {}", limits.steps);
            return Err(FieldError::new("num_inference_steps", rule));
        }
        Ok(())
    }

    /// How strongly the prompt is followed, 0 to 20. At 1 and below there is
    /// no unconditional row, hence no effect of the negative prompt.
    #[must_use]
    pub fn guidance_scale(&self) -> f64 {
        self.guidance_scale.get()
    }

    /// The weight of the face's structure in the image projection, 0 to 2.
    #[must_use]
    pub fn s_scale(&self) -> f64 {
        self.s_scale.get()
    }

    /// How many pictures to make, 1 or 2.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples.get()
    }

    /// The seed of the first picture.
    #[must_use]
    pub fn seed(&self) -> u32 {
        self.seed
    }

    /// The seed of the picture at `index`: `seed + index` (mod 2³²).
    #[must_use]
    pub fn sample_seed(&self, index: u32) -> u32 {
        self.seed.wrapping_add(index)
    }

    /// Whether unsafe pictures are looked for, and what is done to them.
    #[must_use]
    pub fn safety(&self) -> Safety {
        self.safety
    }

    /// The look that is asked for.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }

    /// Whether the pictures are wanted as base64 text.
    #[must_use]
    pub fn base64(&self) -> bool {
        self.base64
    }

    /// Where to report the end of the job, as it was sent.
    #[must_use]
    pub fn webhook(&self) -> Option<&SafeUrl> {
        self.webhook.as_ref()
    }

    /// The caller's own name for the request, with the type it was sent in.
    #[must_use]
    pub fn track_id(&self) -> Option<&Scalar> {
        self.track_id.as_ref()
    }

    /// One sentence for each value that is not the one that was sent.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

fn is_default(limits: &SizeLimits) -> bool {
    *limits == SizeLimits::default()
}

/// A parsed request whose seed may still have to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct UnseededRequest {
    request: GenerationRequest,
    seed: Option<u32>,
}

impl UnseededRequest {
    /// Lets these sides follow the photograph's.
    #[must_use]
    pub fn with_open_sides(mut self, open_sides: OpenSides) -> Self {
        self.request.open_sides = open_sides;
        self
    }

    /// Completes the request with the seed that was sent, or with one that
    /// `random` draws when none was.
    #[must_use]
    pub fn resolve_seed(self, random: impl FnOnce() -> u32) -> GenerationRequest {
        GenerationRequest {
            seed: self.seed.unwrap_or_else(random),
            ..self.request
        }
    }
}
