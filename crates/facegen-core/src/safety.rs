//! Results of the safety checker.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// The safety checker's result for one image. An unsafe image is replaced
/// before it leaves the backend.
///
/// A score is how far an image lies above the threshold of a concept; above 0
/// it matches. There are none when no network ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SafetyVerdict {
    /// Whether the image is unsafe and was replaced.
    pub flagged: bool,
    /// The scores of the concepts; a match of any makes an image unsafe.
    pub concepts: Vec<f32>,
    /// The scores of the special-care concepts, which lower the thresholds of
    /// the others.
    pub special_care: Vec<f32>,
}

/// What replaces an image that the safety checker flags: `safety_checker_type`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SafetyAction {
    /// The image, blurred until no shape is recognisable.
    Blur,
    /// A card with a text; nothing of the image is left.
    #[default]
    SensitiveContentText,
    /// The image in a few large squares.
    Pixelate,
    /// Black; nothing of the image is left.
    Black,
}

impl SafetyAction {
    /// All variants.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns the name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
