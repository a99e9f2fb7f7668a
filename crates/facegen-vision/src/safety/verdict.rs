//! The safety checker's verdict on one image.

use facegen_core::SafetyVerdict;

/// The amount by which each special-care concept that hits raises all later scores.
const ADJUSTMENT: f32 = 0.01;

/// Computes the verdict from an image's cosines to both kinds of concepts, each with its threshold;
/// `None` when a number is not finite.
///
/// A score is how far the cosine to a concept exceeds its threshold, rounded to thousandths; a
/// concept hits above 0. Each special-care concept that hits adds 0.01 to all later scores; special
/// care alone flags nothing.
pub(super) fn verdict_of(
    special_care: impl Iterator<Item = (f32, f32)>,
    concepts: impl Iterator<Item = (f32, f32)>,
) -> Option<SafetyVerdict> {
    let mut adjustment = 0.0;
    let special_care: Vec<f32> = special_care
        .map(|(cosine, threshold)| {
            let score = thousandths(cosine - threshold + adjustment);
            if score > 0.0 {
                adjustment = ADJUSTMENT;
            }
            score
        })
        .collect();
    let concepts: Vec<f32> = concepts
        .map(|(cosine, threshold)| thousandths(cosine - threshold + adjustment))
        .collect();
    let mut scores = special_care.iter().chain(&concepts);
    scores
        .all(|score| score.is_finite())
        .then(|| SafetyVerdict {
            flagged: concepts.iter().any(|&score| score > 0.0),
            concepts,
            special_care,
        })
}

/// Follows numpy's `round(x, 3)` of an f32: half to even, all in f32.
fn thousandths(score: f32) -> f32 {
    (score * 1000.0).round_ties_even() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(special_care: &[f32], concepts: &[f32]) -> SafetyVerdict {
        let above = |scores: &[f32]| scores.iter().map(|&score| (score, 0.0)).collect::<Vec<_>>();
        verdict_of(above(special_care).into_iter(), above(concepts).into_iter()).unwrap()
    }

    #[test]
    fn half_a_thousandth_decides() {
        for (score, flagged) in [(-0.0006, false), (0.0004, false), (0.0006, true)] {
            assert_eq!(verdict(&[], &[-0.1, score]).flagged, flagged, "{score}");
        }
        // numpy 2: round(float32(0.0005), 3) is 0, of 0.0015 and 0.0025 it is 0.002.
        let rounded = [0.0005, 0.0015, 0.0025].map(thousandths);
        assert_eq!(rounded, [0.0, 0.002, 0.002]);
    }

    #[test]
    fn special_care_raises_all_later_scores() {
        let verdict = verdict(&[-0.006, 0.002, -0.006], &[-0.006, -0.02]);
        assert_eq!(verdict.special_care, [-0.006, 0.002, 0.004]);
        assert_eq!(verdict.concepts, [0.004, -0.01]);
        assert!(verdict.flagged);
    }

    #[test]
    fn special_care_alone_is_not_unsafe() {
        assert!(!verdict(&[0.5], &[-0.2]).flagged);
    }

    #[test]
    fn scores_that_are_not_finite_have_no_verdict() {
        let scores = [(-0.1, 0.0), (f32::NAN, 0.0)];
        assert_eq!(verdict_of([].into_iter(), scores.into_iter()), None);
        assert_eq!(verdict_of(scores.into_iter(), [].into_iter()), None);
    }
}
