//! Values that are chosen from a list of names.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::Scalar;
use super::errors::Diagnostics;
use crate::SafetyAction;

/// Whether and how unsafe images are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Safety {
    /// Whether the caller wants the safety checker to run.
    pub enabled: bool,
    /// The replacement of an unsafe image.
    pub checker_type: SafetyAction,
}

impl Safety {
    /// Reads both fields; the checker is on by default.
    pub(super) fn read(
        enabled: &Scalar,
        checker_type: &Scalar,
        findings: &mut Diagnostics,
    ) -> Self {
        let enabled = enabled.boolean("safety_checker");
        let checker_type = checker_type.choice("safety_checker_type", &named(SafetyAction::ALL));
        Self {
            enabled: findings.accept(enabled).unwrap_or(true),
            checker_type: findings.accept(checker_type).unwrap_or_default(),
        }
    }
}

/// The style of the images.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Style {
    /// A photo; the prompt is not changed.
    #[default]
    Realistic,
    /// A comic strip.
    Comic,
    /// A small figure with a large head.
    Chibi,
    /// A 3D rendering.
    #[serde(rename = "3d")]
    #[strum(serialize = "3d")]
    ThreeD,
    /// A Japanese animation style.
    Anime,
}

impl Style {
    /// All variants.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns the name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Reads the field; realistic by default.
    pub(super) fn read(raw: &Scalar, findings: &mut Diagnostics) -> Self {
        let reading = raw.choice("style", &named(Self::ALL));
        findings.accept(reading).unwrap_or_default()
    }
}

/// Returns the values with their names.
fn named<T: Copy + Into<&'static str>>(values: &[T]) -> Vec<(&'static str, T)> {
    values.iter().map(|&value| (value.into(), value)).collect()
}
