//! The images of a backend without a model.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::{
    BackendError, GeneratedImage, GenerationInput, GenerationOutput, GenerationTimings, RgbImage,
};

/// Returns the images that a [`FakeBackend`](super::FakeBackend) makes of `input`.
///
/// # Errors
/// Never fails for parsed requests.
pub fn paint(input: &GenerationInput) -> Result<GenerationOutput, BackendError> {
    let images = (0_u32..)
        .take(input.spec.samples())
        .map(|index| paint_sample(input, index))
        .collect::<Result<_, _>>()?;
    Ok(GenerationOutput {
        images,
        warnings: Vec::new(),
        timings: GenerationTimings::default(),
    })
}

fn paint_sample(input: &GenerationInput, index: u32) -> Result<GeneratedImage, BackendError> {
    let GenerationInput { spec, face } = input;
    let mut hasher = DefaultHasher::new();
    (spec.prompt(), spec.negative_prompt()).hash(&mut hasher);
    (spec.steps(), spec.sample_seed(index)).hash(&mut hasher);
    spec.guidance_scale().to_bits().hash(&mut hasher);
    spec.s_scale().to_bits().hash(&mut hasher);
    (face.width(), face.pixels()).hash(&mut hasher);
    let pattern = hasher.finish().to_le_bytes();
    let length = spec.width() as usize * spec.height() as usize * 3;
    let rgb = pattern.into_iter().cycle().take(length).collect();
    let pixels = RgbImage::new(spec.width() as usize, spec.height() as usize, rgb)
        .map_err(|error| BackendError::Failed(error.to_string()))?;
    Ok(GeneratedImage {
        pixels,
        seed: spec.sample_seed(index),
        safety: None,
    })
}
