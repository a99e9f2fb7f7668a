//! The specification of the images to generate.

use serde::{Deserialize, Serialize};

use super::auto_size::AutoSize;
use super::choices::{Safety, Style};
use super::errors::FieldError;
use super::limits::{RequestLimits, SizeLimits};
use super::prompt::Prompt;
use super::sampling::{GuidanceScale, SScale, Samples, Steps};
use super::size::ImageSize;

/// What to generate: all that an engine sees of a request, except the photo.
///
/// Every value is in range and is the one that is used, so it can be echoed to
/// the caller. `Debug` does not show the prompts. Deserializing checks every
/// value again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerationSpec {
    pub(super) prompt: Prompt,
    pub(super) negative_prompt: Option<Prompt>,
    pub(super) size: ImageSize,
    // The name in existing rows.
    #[serde(
        default,
        rename = "open_sides",
        skip_serializing_if = "AutoSize::is_none"
    )]
    pub(super) auto_size: AutoSize,
    /// Of the preset that the request was parsed for.
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
    /// Returns what the images are to show; never empty.
    #[must_use]
    pub fn prompt(&self) -> &str {
        self.prompt.as_str()
    }

    /// Returns what the images are not to show; empty when nothing was given.
    #[must_use]
    pub fn negative_prompt(&self) -> &str {
        self.negative_prompt.as_ref().map_or("", Prompt::as_str)
    }

    /// Returns the size of the images.
    #[must_use]
    pub fn size(&self) -> ImageSize {
        self.size
    }

    /// Returns the width of the images in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.size.width()
    }

    /// Returns the height of the images in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.size.height()
    }

    /// Returns which sides are derived from the photo's.
    #[must_use]
    pub fn auto_size(&self) -> AutoSize {
        self.auto_size
    }

    /// Returns the specification with its size derived from a photo of this
    /// size.
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

    /// Returns the number of denoising steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps.get()
    }

    /// Checks the size and the number of steps, which may have been parsed for
    /// another preset.
    ///
    /// # Errors
    /// Returns the field whose value the preset does not offer.
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

    /// Returns the guidance scale, 0 to 20. At 1 and below there is no
    /// unconditional row, hence no effect of the negative prompt.
    #[must_use]
    pub fn guidance_scale(&self) -> f64 {
        self.guidance_scale.get()
    }

    /// Returns the weight of the face's structure in the image projection, 0 to
    /// 2.
    #[must_use]
    pub fn s_scale(&self) -> f64 {
        self.s_scale.get()
    }

    /// Returns the number of images, 1 or 2.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples.get()
    }

    /// Returns the seed of the first image.
    #[must_use]
    pub fn seed(&self) -> u32 {
        self.seed
    }

    /// Returns the seed of the image at `index`: `seed + index` (mod 2³²).
    #[must_use]
    pub fn sample_seed(&self, index: u32) -> u32 {
        self.seed.wrapping_add(index)
    }

    /// Returns whether unsafe images are replaced, and by what.
    #[must_use]
    pub fn safety(&self) -> Safety {
        self.safety
    }

    /// Returns the style.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }
}

fn is_default(limits: &SizeLimits) -> bool {
    *limits == SizeLimits::default()
}
