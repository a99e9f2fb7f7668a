//! What a safety checker says about an image.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// What the safety checker says about one image. The image itself is
/// replaced before it leaves the backend, when it is unsafe.
///
/// A score is how far an image lies beyond the threshold of a concept; above
/// 0 it hits. There are none when no network looked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SafetyVerdict {
    /// Whether the image is unsafe and was replaced.
    pub flagged: bool,
    /// The scores of the concepts, any of which makes an image unsafe.
    pub concepts: Vec<f32>,
    /// The scores of the special-care concepts, which make the others hit
    /// sooner.
    pub special_care: Vec<f32>,
}

/// What takes the place of an image that the safety checker flags: `safety_checker_type`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SafetyAction {
    /// Its colours, with every shape blurred away.
    Blur,
    /// A card that says so; nothing of the image is left.
    #[default]
    SensitiveContentText,
    /// A few large squares of its colours.
    Pixelate,
    /// Black; nothing of the image is left.
    Black,
}

impl SafetyAction {
    /// All that there are.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
