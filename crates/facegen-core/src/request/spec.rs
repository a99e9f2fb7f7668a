//! What is drawn.

use serde::{Deserialize, Serialize};

use super::auto_size::AutoSize;
use super::choices::{Safety, Style};
use super::errors::FieldError;
use super::limits::{RequestLimits, SizeLimits};
use super::prompt::Prompt;
use super::sampling::{GuidanceScale, SScale, Samples, Steps};
use super::size::ImageSize;

/// What is drawn: all that an engine sees of a request, except the photo.
///
/// Every value is in range and is the one that is used, so it can be echoed to
/// the caller as it is. `Debug` does not show the prompts. Reading one with serde
/// checks every value again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerationSpec {
    pub(super) prompt: Prompt,
    pub(super) negative_prompt: Option<Prompt>,
    pub(super) size: ImageSize,
    // The name in rows that exist.
    #[serde(
        default,
        rename = "open_sides",
        skip_serializing_if = "AutoSize::is_none"
    )]
    pub(super) auto_size: AutoSize,
    /// Of the preset that the request was read for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) size_limits: SizeLimits,
    pub(super) steps: Steps,
    pub(super) guidance_scale: GuidanceScale,
    pub(super) s_scale: SScale,
    pub(super) samples: Samples,
    pub(super) seed: u32,
    pub(super) safety: Safety,
    pub(super) style: Style,
}

impl GenerationSpec {
    /// What the images shall show; never empty.
    #[must_use]
    pub fn prompt(&self) -> &str {
        self.prompt.as_str()
    }

    /// What the images shall not show; empty when nothing was given.
    #[must_use]
    pub fn negative_prompt(&self) -> &str {
        self.negative_prompt.as_ref().map_or("", Prompt::as_str)
    }

    /// The size of the images.
    #[must_use]
    pub fn size(&self) -> ImageSize {
        self.size
    }

    /// The width of the images in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.size.width()
    }

    /// The height of the images in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.size.height()
    }

    /// Which sides are not known before the photo is.
    #[must_use]
    pub fn auto_size(&self) -> AutoSize {
        self.auto_size
    }

    /// Returns what is drawn, with the size that it has for a photo of so many
    /// pixels.
    #[must_use]
    pub fn fitted_to(self, width: u32, height: u32) -> Self {
        Self {
            size: self
                .auto_size
                .resolve_size(self.size, width, height, &self.size_limits),
            auto_size: AutoSize::None,
            ..self
        }
    }

    /// The number of denoising steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps.get()
    }

    /// Checks the size and the number of steps, which may have been read for
    /// another preset than the one that makes the images.
    ///
    /// # Errors
    /// The field that the preset does not offer.
    pub fn check(&self, limits: &RequestLimits) -> Result<(), FieldError> {
        let size = ImageSize::new(self.width(), self.height(), &limits.size)?;
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

    /// How many images to make, 1 or 2.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples.get()
    }

    /// The seed of the first image.
    #[must_use]
    pub fn seed(&self) -> u32 {
        self.seed
    }

    /// The seed of the image at `index`: `seed + index` (mod 2³²).
    #[must_use]
    pub fn sample_seed(&self, index: u32) -> u32 {
        self.seed.wrapping_add(index)
    }

    /// Whether unsafe images are looked for, and what is done to them.
    #[must_use]
    pub fn safety(&self) -> Safety {
        self.safety
    }

    /// The look that is asked for.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }
}

fn is_default(limits: &SizeLimits) -> bool {
    *limits == SizeLimits::default()
}
