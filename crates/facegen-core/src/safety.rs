//! What a safety checker says about a picture.

use serde::{Deserialize, Serialize};

/// What the safety checker says about one picture. The picture itself is
/// replaced before it leaves the backend, when it is unsafe.
///
/// A score is how far a picture lies beyond the threshold of a concept; above
/// 0 it hits. There are none when no network looked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SafetyVerdict {
    /// Whether the picture is unsafe and was replaced.
    pub flagged: bool,
    /// The scores of the concepts, any of which makes a picture unsafe.
    pub concepts: Vec<f32>,
    /// The scores of the special-care concepts, which make the others hit
    /// sooner.
    pub special_care: Vec<f32>,
}
