//! The size of the pictures.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::errors::Findings;
use super::scalar::out_of_range;
use super::{FieldError, Scalar};

/// The sides that are accepted, in pixels.
pub const SIDES: RangeInclusive<u32> = 64..=768;

/// The largest area, in pixels: 512 × 768 in either orientation.
pub const MAX_AREA: u32 = 512 * 768;

/// The side where none is given, in pixels: what the model was trained at.
const DEFAULT_SIDE: u32 = 512;

/// The latents are an eighth of the picture, so its sides are multiples of 8.
const GRANULARITY: u32 = 8;

/// A width and a height that the model can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct PictureSize {
    width: u32,
    height: u32,
}

impl PictureSize {
    /// The largest size that is not above `width` × `height` pixels and whose
    /// sides are multiples of 8.
    ///
    /// # Errors
    /// A side lies outside of [`SIDES`], or the area is above [`MAX_AREA`].
    pub fn new(width: u32, height: u32) -> Result<Self, FieldError> {
        for (field, side) in [("width", width), ("height", height)] {
            if !SIDES.contains(&side) {
                return Err(out_of_range(field, &SIDES));
            }
        }
        let (width, height) = (floored(width), floored(height));
        if width * height > MAX_AREA {
            return Err(FieldError::new(
                "width",
                "times height must be at most 512 x 768 pixels",
            ));
        }
        Ok(Self { width, height })
    }

    /// The width in pixels.
    #[must_use]
    pub fn width(self) -> u32 {
        self.width
    }

    /// The height in pixels.
    #[must_use]
    pub fn height(self) -> u32 {
        self.height
    }

    /// Reads both sides; a side that is not given is 512.
    pub(super) fn read(width: &Scalar, height: &Scalar, findings: &mut Findings) -> Self {
        let known_errors = findings.errors.len();
        let mut side = |field, raw: &Scalar| {
            let reading = raw.integer_within(field, SIDES);
            findings.accept(reading).unwrap_or(DEFAULT_SIDE)
        };
        let (width, height) = (side("width", width), side("height", height));
        if findings.errors.len() > known_errors {
            return Self::default();
        }
        let size = findings.accept(Self::new(width, height));
        for (field, asked, used) in [
            ("width", width, size.width),
            ("height", height, size.height),
        ] {
            if asked != used {
                findings.warn(format!(
                    "{field} {asked} was lowered to {used}, a multiple of 8"
                ));
            }
        }
        size
    }
}

fn floored(side: u32) -> u32 {
    side - side % GRANULARITY
}

impl Default for PictureSize {
    fn default() -> Self {
        Self {
            width: DEFAULT_SIDE,
            height: DEFAULT_SIDE,
        }
    }
}

impl TryFrom<(u32, u32)> for PictureSize {
    type Error = FieldError;

    fn try_from((width, height): (u32, u32)) -> Result<Self, FieldError> {
        Self::new(width, height)
    }
}

impl From<PictureSize> for (u32, u32) {
    fn from(size: PictureSize) -> Self {
        (size.width, size.height)
    }
}
