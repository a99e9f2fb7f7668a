//! The sizes and numbers of steps that a preset offers.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// The sizes and numbers of steps that a preset offers. The default is for
/// Stable Diffusion 1.5, as in the hosted service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestLimits {
    /// The sizes.
    pub size: SizeLimits,
    /// The numbers of steps.
    pub steps: StepChoices,
}

/// The sizes that a preset offers, in pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, try_from = "Sizes", into = "Sizes")]
pub struct SizeLimits(Sizes);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sizes {
    min_side: u32,
    max_side: u32,
    max_area: u32,
    default_side: u32,
    multiple_of: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            min_side: 64,
            max_side: 768,
            max_area: 512 * 768,
            default_side: 512,
            multiple_of: 8,
        }
    }
}

impl SizeLimits {
    /// The longest side that any preset may offer.
    pub(crate) const LONGEST_SIDE: u32 = 768;

    /// The largest area that any preset may offer: limits on file sizes depend
    /// on it.
    pub(crate) const LARGEST_AREA: u32 = 512 * 768;

    /// Returns the accepted sides.
    #[must_use]
    pub fn sides(&self) -> RangeInclusive<u32> {
        self.0.min_side..=self.0.max_side
    }

    /// Returns the largest area.
    #[must_use]
    pub fn max_area(&self) -> u32 {
        self.0.max_area
    }

    /// Returns the default side: what the model was trained at.
    #[must_use]
    pub fn default_side(&self) -> u32 {
        self.0.default_side
    }

    /// Returns the number that sides are multiples of.
    #[must_use]
    pub fn multiple_of(&self) -> u32 {
        self.0.multiple_of
    }

    /// Rounds a side down to a multiple: one pixel of the latents is several of
    /// the image.
    #[must_use]
    pub fn floored(&self, side: u32) -> u32 {
        side - side % self.0.multiple_of
    }
}

impl TryFrom<Sizes> for SizeLimits {
    type Error = String;

    fn try_from(sizes: Sizes) -> Result<Self, String> {
        let Sizes {
            min_side,
            max_side,
            max_area,
            default_side,
            multiple_of,
        } = sizes;
        let multiples = multiple_of > 0
            && [min_side, max_side, default_side]
                .iter()
                .all(|side| *side > 0 && side.is_multiple_of(multiple_of));
        let in_order =
            min_side <= default_side && default_side <= max_side && max_side <= Self::LONGEST_SIDE;
        let rules = [
            (multiples, "its sides have to be multiples of multiple_of"),
            (
                in_order,
                "its sides have to be min_side <= default_side <= max_side <= 768",
            ),
            (
                // Otherwise a side that is fitted to the other could be too
                // short.
                in_order
                    && max_area >= (max_side * min_side).max(default_side * default_side)
                    && max_area <= Self::LARGEST_AREA,
                "its max_area has to hold max_side x min_side and the default size, \
                 and may be at most 512 x 768",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, reason)) => Err(reason.to_owned()),
            None => Ok(Self(sizes)),
        }
    }
}

impl From<SizeLimits> for Sizes {
    fn from(limits: SizeLimits) -> Self {
        limits.0
    }
}

/// The numbers of steps that a preset offers, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u32>", into = "Vec<u32>")]
pub struct StepChoices(Vec<u32>);

impl StepChoices {
    /// The numbers that callers may send. Official clients send 20 by default
    /// and allow up to 150, so a strict choice would break them.
    pub const ACCEPTED: RangeInclusive<u32> = 1..=150;

    /// Returns the default: the smallest choice.
    #[must_use]
    pub fn first(&self) -> u32 {
        self.0.first().copied().unwrap_or(1)
    }

    /// Returns the choice nearest to `asked`; of two equally near ones the
    /// higher.
    #[must_use]
    pub fn nearest(&self, asked: u32) -> u32 {
        let choices = self.0.iter().copied().rev();
        let nearest = choices.min_by_key(|choice| choice.abs_diff(asked));
        nearest.unwrap_or(1)
    }
}

impl Default for StepChoices {
    fn default() -> Self {
        Self(vec![21, 31, 41])
    }
}

impl TryFrom<Vec<u32>> for StepChoices {
    type Error = &'static str;

    fn try_from(choices: Vec<u32>) -> Result<Self, Self::Error> {
        let ascending = choices.windows(2).all(|pair| pair[0] < pair[1]);
        let accepted = |choice: &u32| Self::ACCEPTED.contains(choice);
        if choices.is_empty() || !ascending || !choices.iter().all(accepted) {
            return Err("its steps have to be 1 to 150, in ascending order");
        }
        Ok(Self(choices))
    }
}

impl From<StepChoices> for Vec<u32> {
    fn from(choices: StepChoices) -> Self {
        choices.0
    }
}

impl std::fmt::Display for StepChoices {
    /// Writes the choices as in a sentence: `21, 31 and 41`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, choice) in self.0.iter().enumerate() {
            let before = match self.0.len() - index {
                _ if index == 0 => "",
                1 => " and ",
                _ => ", ",
            };
            write!(f, "{before}{choice}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_contradict_themselves_are_refused() {
        for wrong in [
            r#"{"min_side": 0}"#,
            r#"{"multiple_of": 0}"#,
            r#"{"max_side": 770}"#,
            r#"{"default_side": 1024}"#,
            r#"{"max_side": 16384}"#,
            r#"{"max_area": 1000}"#,
            r#"{"max_area": 400000}"#,
            r#"{"sides": 1}"#,
        ] {
            assert!(
                serde_json::from_str::<SizeLimits>(wrong).is_err(),
                "{wrong}"
            );
        }
        for wrong in ["[]", "[0]", "[31, 21]", "[21, 21]", "[151]"] {
            assert!(
                serde_json::from_str::<StepChoices>(wrong).is_err(),
                "{wrong}"
            );
        }
        let small = r#"{"size": {"max_side": 512, "max_area": 262144, "default_side": 256}}"#;
        let small: RequestLimits = serde_json::from_str(small).unwrap();
        assert_eq!(small.size.sides(), 64..=512);
        assert_eq!(small.steps, StepChoices::default());
    }

    #[test]
    fn the_nearest_choice_counts_and_of_two_the_higher() {
        let choices = StepChoices::default();
        for (asked, nearest) in [(1, 21), (25, 21), (26, 31), (35, 31), (36, 41), (150, 41)] {
            assert_eq!(choices.nearest(asked), nearest, "{asked}");
        }
        assert_eq!(choices.to_string(), "21, 31 and 41");
    }
}
