//! Comparison of embeddings.

use crate::error::VisionError;

/// Returns the cosine of the angle between two embeddings, from -1 to 1; 0 if one
/// of them has no direction or their lengths differ, since it is undefined then.
#[must_use]
pub fn cosine_similarity(left: &[f32], right: &[f32]) -> f32 {
    let lengths = norm(left) * norm(right);
    if left.len() != right.len() || lengths == 0.0 {
        return 0.0;
    }
    let dot: f64 = left
        .iter()
        .zip(right)
        .map(|(&l, &r)| f64::from(l) * f64::from(r))
        .sum();
    (dot / lengths) as f32
}

/// Normalises to length 1.
///
/// # Errors
/// Fails with [`VisionError::EmbeddingWithoutDirection`] for zeros, ∞ and NaN.
pub(crate) fn normalized(embedding: &[f32]) -> Result<Vec<f32>, VisionError> {
    let length = norm(embedding);
    if !length.is_normal() {
        return Err(VisionError::EmbeddingWithoutDirection);
    }
    Ok(embedding
        .iter()
        .map(|&value| (f64::from(value) / length) as f32)
        .collect())
}

fn norm(vector: &[f32]) -> f64 {
    let square: f64 = vector.iter().map(|&value| f64::from(value).powi(2)).sum();
    square.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_depends_on_direction_alone() {
        assert!((cosine_similarity(&[1.0, 2.0], &[2.0, 4.0]) - 1.0).abs() < 1e-6);
        assert!((cosine_similarity(&[1.0, 0.0], &[-3.0, 0.0]) + 1.0).abs() < 1e-6);
        assert_eq!(cosine_similarity(&[1.0, 0.0], &[0.0, 5.0]), 0.0);
    }

    #[test]
    fn cosine_is_zero_without_a_direction() {
        assert_eq!(cosine_similarity(&[0.0, 0.0], &[1.0, 1.0]), 0.0);
        assert_eq!(cosine_similarity(&[], &[]), 0.0);
        assert_eq!(cosine_similarity(&[1.0], &[1.0, 1.0]), 0.0);
    }

    #[test]
    fn normalising_gives_length_one_or_an_error() {
        assert_eq!(normalized(&[3.0, 4.0]).unwrap(), [0.6, 0.8]);
        for broken in [
            vec![0.0, 0.0],
            vec![f32::NAN, 1.0],
            vec![f32::INFINITY, 1.0],
        ] {
            let error = normalized(&broken).unwrap_err();
            assert!(matches!(error, VisionError::EmbeddingWithoutDirection));
        }
    }
}
