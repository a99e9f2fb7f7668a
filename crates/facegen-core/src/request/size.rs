//! The size of the images.

use serde::{Deserialize, Serialize};

use super::errors::Diagnostics;
use super::scalar::out_of_range;
use super::{FieldError, Scalar, SizeLimits};

/// A width and a height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct ImageSize {
    width: u32,
    height: u32,
}

impl Default for ImageSize {
    /// Returns the size that Stable Diffusion 1.5 was trained at.
    fn default() -> Self {
        Self {
            width: 512,
            height: 512,
        }
    }
}

impl ImageSize {
    /// Rounds `width` × `height` pixels down to a size that the model can
    /// generate.
    ///
    /// # Errors
    /// Fails when a side or the area lies outside of the limits.
    pub fn new(width: u32, height: u32, limits: &SizeLimits) -> Result<Self, FieldError> {
        let sides = limits.sides();
        for (field, side) in [("width", width), ("height", height)] {
            if !sides.contains(&side) {
                return Err(out_of_range(field, &sides));
            }
        }
        let (width, height) = (limits.floored(width), limits.floored(height));
        if width * height > limits.max_area() {
            let (longer, shorter) = (sides.end(), limits.max_area() / sides.end());
            let rule = format!("times height must be at most {shorter} x {longer} pixels");
            return Err(FieldError::new("width", rule));
        }
        Ok(Self { width, height })
    }

    /// Returns the width in pixels.
    #[must_use]
    pub fn width(self) -> u32 {
        self.width
    }

    /// Returns the height in pixels.
    #[must_use]
    pub fn height(self) -> u32 {
        self.height
    }

    /// Reads both sides; an absent one has the default.
    pub(super) fn read(
        width: &Scalar,
        height: &Scalar,
        limits: &SizeLimits,
        findings: &mut Diagnostics,
    ) -> Self {
        let default = limits.default_side();
        let default_size = Self {
            width: default,
            height: default,
        };
        let known_errors = findings.errors.len();
        let mut side = |field, raw: &Scalar| {
            let reading = raw.integer_within(field, limits.sides());
            findings.accept(reading).unwrap_or(default)
        };
        let (width, height) = (side("width", width), side("height", height));
        if findings.errors.len() > known_errors {
            return default_size;
        }
        let size = Self::new(width, height, limits);
        let size = findings.accept(size.map(Some)).unwrap_or(default_size);
        for (field, asked, used) in [
            ("width", width, size.width),
            ("height", height, size.height),
        ] {
            if asked != used {
                findings.warn(format!(
                    "{field} {asked} was lowered to {used}, a multiple of {}",
                    limits.multiple_of()
                ));
            }
        }
        size
    }
}

impl TryFrom<(u32, u32)> for ImageSize {
    type Error = FieldError;

    /// Converts a stored size, which was checked against the limits of some
    /// preset.
    fn try_from((width, height): (u32, u32)) -> Result<Self, FieldError> {
        for (field, side) in [("width", width), ("height", height)] {
            if !(1..=SizeLimits::LONGEST_SIDE).contains(&side) {
                return Err(out_of_range(field, &(1..=SizeLimits::LONGEST_SIDE)));
            }
        }
        Ok(Self { width, height })
    }
}

impl From<ImageSize> for (u32, u32) {
    fn from(size: ImageSize) -> Self {
        (size.width, size.height)
    }
}
