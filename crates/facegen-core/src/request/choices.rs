//! The values that are chosen from a list of names.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::Scalar;
use super::errors::Diagnostics;
use crate::SafetyAction;

/// Whether and how unsafe images are made unrecognisable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Safety {
    /// Whether the caller wants the safety checker to run.
    pub enabled: bool,
    /// What is done to an image that it finds unsafe.
    pub checker_type: SafetyAction,
}

impl Safety {
    /// Reads both fields; the checker is on when nothing is said.
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

/// The look of the images.
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
    /// A photo; the prompt stays as it is.
    #[default]
    Realistic,
    /// A comic strip.
    Comic,
    /// A small figure with a large head.
    Chibi,
    /// A rendering.
    #[serde(rename = "3d")]
    #[strum(serialize = "3d")]
    ThreeD,
    /// A Japanese animation.
    Anime,
}

impl Style {
    /// All that there are.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Reads the field; realistic when absent.
    pub(super) fn read(raw: &Scalar, findings: &mut Diagnostics) -> Self {
        let reading = raw.choice("style", &named(Self::ALL));
        findings.accept(reading).unwrap_or_default()
    }
}

/// The values with their names.
fn named<T: Copy + Into<&'static str>>(values: &[T]) -> Vec<(&'static str, T)> {
    values.iter().map(|&value| (value.into(), value)).collect()
}
