//! The parameters of denoising.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::errors::Diagnostics;
use super::scalar::out_of_range;
use super::{FieldError, Scalar, StepChoices};

/// A number of denoising steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Steps(u32);

impl Steps {
    /// Returns the number of steps.
    #[must_use]
    pub fn get(self) -> usize {
        self.0 as usize
    }

    /// Reads the field: the nearest choice; the first one by default.
    pub(super) fn read(raw: &Scalar, choices: &StepChoices, findings: &mut Diagnostics) -> Self {
        let reading = raw.integer_within(FIELD, StepChoices::ACCEPTED);
        let Some(asked) = findings.accept(reading) else {
            return Self(choices.first());
        };
        let nearest = choices.nearest(asked);
        if nearest != asked {
            findings.warn(format!(
                "{FIELD} {asked} was changed to {nearest}, the nearest of {choices}"
            ));
        }
        Self(nearest)
    }
}

/// The name of [`Steps`] on the wire.
const FIELD: &str = "num_inference_steps";

impl TryFrom<u32> for Steps {
    type Error = FieldError;

    fn try_from(steps: u32) -> Result<Self, FieldError> {
        if StepChoices::ACCEPTED.contains(&steps) {
            Ok(Self(steps))
        } else {
            Err(out_of_range(FIELD, &StepChoices::ACCEPTED))
        }
    }
}

impl From<Steps> for u32 {
    fn from(steps: Steps) -> Self {
        steps.0
    }
}

/// How strongly the prompt is followed: the factor of classifier-free guidance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct GuidanceScale(f64);

impl GuidanceScale {
    /// The values that callers may send.
    pub const ACCEPTED: RangeInclusive<f64> = 0.0..=20.0;

    /// Creates a guidance scale.
    ///
    /// # Errors
    /// Fails when `asked` lies outside of [`GuidanceScale::ACCEPTED`] or is
    /// NaN.
    pub fn new(asked: f64) -> Result<Self, FieldError> {
        if Self::ACCEPTED.contains(&asked) {
            Ok(Self(asked))
        } else {
            Err(out_of_range("guidance_scale", &Self::ACCEPTED))
        }
    }

    /// Returns the factor.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    /// Reads the field; 7.5 by default.
    pub(super) fn read(raw: &Scalar, findings: &mut Diagnostics) -> Self {
        let reading = raw.number_within("guidance_scale", Self::ACCEPTED);
        findings.accept(reading).map_or_else(Self::default, Self)
    }
}

impl Default for GuidanceScale {
    fn default() -> Self {
        Self(7.5)
    }
}

impl TryFrom<f64> for GuidanceScale {
    type Error = FieldError;

    fn try_from(asked: f64) -> Result<Self, FieldError> {
        Self::new(asked)
    }
}

impl From<GuidanceScale> for f64 {
    fn from(scale: GuidanceScale) -> Self {
        scale.0
    }
}

/// The weight of the face's structure: `scale` of IP-Adapter-FaceID-PlusV2's
/// image projection with its shortcut.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct SScale(f64);

impl SScale {
    /// The values that are used.
    pub const USED: RangeInclusive<f64> = 0.0..=2.0;

    /// Clamps `asked` to [`SScale::USED`]: official clients send 7.5 by
    /// default.
    ///
    /// # Errors
    /// Fails when `asked` is NaN.
    pub fn clamped(asked: f64) -> Result<Self, FieldError> {
        if asked.is_nan() {
            return Err(FieldError::new("s_scale", "must be a number"));
        }
        // `+ 0.0` turns negative zero into positive zero.
        Ok(Self(
            asked.clamp(*Self::USED.start(), *Self::USED.end()) + 0.0,
        ))
    }

    /// Returns the weight.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    /// Reads the field; 1 by default.
    pub(super) fn read(raw: &Scalar, findings: &mut Diagnostics) -> Self {
        let Some(asked) = findings.accept(raw.number("s_scale")) else {
            return Self::default();
        };
        let scale = findings.accept(Self::clamped(asked));
        if !Self::USED.contains(&asked) {
            findings.warn(format!(
                "s_scale {asked} was changed to {}, it is used from 0 to 2",
                scale.0
            ));
        }
        scale
    }
}

impl Default for SScale {
    fn default() -> Self {
        Self(1.0)
    }
}

impl TryFrom<f64> for SScale {
    type Error = FieldError;

    fn try_from(asked: f64) -> Result<Self, FieldError> {
        Self::clamped(asked)
    }
}

impl From<SScale> for f64 {
    fn from(scale: SScale) -> Self {
        scale.0
    }
}

/// The number of images of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Samples(u32);

impl Samples {
    /// The values that callers may send.
    pub const ACCEPTED: RangeInclusive<u32> = 1..=2;

    /// Creates a number of images.
    ///
    /// # Errors
    /// Fails when `asked` lies outside of [`Samples::ACCEPTED`].
    pub fn new(asked: u32) -> Result<Self, FieldError> {
        if Self::ACCEPTED.contains(&asked) {
            Ok(Self(asked))
        } else {
            Err(out_of_range("samples", &Self::ACCEPTED))
        }
    }

    /// Returns the number of images.
    #[must_use]
    pub fn get(self) -> usize {
        self.0 as usize
    }

    /// Reads the field; 1 by default.
    pub(super) fn read(raw: &Scalar, findings: &mut Diagnostics) -> Self {
        let reading = raw.integer_within("samples", Self::ACCEPTED);
        findings.accept(reading).map_or_else(Self::default, Self)
    }
}

impl Default for Samples {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u32> for Samples {
    type Error = FieldError;

    fn try_from(asked: u32) -> Result<Self, FieldError> {
        Self::new(asked)
    }
}

impl From<Samples> for u32 {
    fn from(samples: Samples) -> Self {
        samples.0
    }
}
