//! Stable Diffusion's safety checker, with the same scores.

use candle_core::{DType, Device, Tensor};
use facegen_core::SafetyVerdict;
use facegen_core::preset::ChannelOrder;
use facegen_image::{CHANNELS, RgbImage};
use facegen_nn::clip::ClipVisionModel;
use facegen_nn::layers::Linear;
use facegen_nn::{Compute, NnError, Weights};

use super::SafetyCheckerConfig;
use super::verdict::verdict_of;
use crate::VisionError;
use crate::clip::{CLIP_SIZE, clip_pixel_values};

/// Concepts that make an image unsafe.
const CONCEPTS: usize = 17;
/// Concepts that lower the thresholds of the others.
const SPECIAL_CARE: usize = 3;

/// `StableDiffusionSafetyChecker` of diffusers: compares CLIP's embedding of an
/// image with those of concepts that are not given in words.
///
/// It checks only the middle square of an image, at 224×224 pixels, like the
/// original.
#[derive(Debug)]
pub struct SafetyChecker {
    vision_model: ClipVisionModel,
    visual_projection: Linear,
    special_care: Concepts,
    concepts: Concepts,
}

/// Directions in CLIP's space, each with its threshold on the cosine.
#[derive(Debug)]
struct Concepts {
    directions: Vec<Vec<f32>>,
    thresholds: Vec<f32>,
}

impl SafetyChecker {
    /// Loads the checker under its published names, in which `vision_model`
    /// occurs twice, or under those that transformers 5 saves.
    ///
    /// # Errors
    /// Fails when the config is not one of a safety checker, or a tensor is
    /// missing or has another shape.
    pub fn load(
        config: &SafetyCheckerConfig,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Self, VisionError> {
        let vision = &config.vision;
        if vision.image_size != CLIP_SIZE {
            let size = vision.image_size;
            return Err(NnError::Config(format!("images of {size} pixels, not 224")).into());
        }
        let nested = weights.contains("vision_model.vision_model.embeddings.class_embedding");
        let model = if nested {
            weights.pp("vision_model")
        } else {
            weights.clone()
        };
        let projection = weights.pp("visual_projection");
        let (input, output) = (vision.hidden_size, vision.projection_dim);
        Ok(Self {
            vision_model: ClipVisionModel::load(vision, &model, compute)?,
            visual_projection: Linear::load_without_bias(&projection, input, output, compute)?,
            special_care: Concepts::load("special_care_embeds", SPECIAL_CARE, output, weights)?,
            concepts: Concepts::load("concept_embeds", CONCEPTS, output, weights)?,
        })
    }

    /// Checks images and returns a verdict for each.
    ///
    /// # Errors
    /// Fails when the network fails or a score is not a number: such an image
    /// is neither safe nor unsafe.
    pub fn check(&self, images: &[RgbImage]) -> Result<Vec<SafetyVerdict>, VisionError> {
        let verdict = |embeds: &Vec<f32>| {
            let scored = |concepts: &Concepts| concepts.compared(embeds);
            let (special_care, concepts) = (scored(&self.special_care), scored(&self.concepts));
            verdict_of(special_care.into_iter(), concepts.into_iter())
                .ok_or(VisionError::SafetyScore)
        };
        self.embeds(images)?.iter().map(verdict).collect()
    }

    /// Gives the memory of mapped weights back to the system until they are
    /// used.
    pub fn release(&self) {
        self.vision_model.release();
    }

    /// Returns the cosines behind the scores: of each image to the special-care
    /// concepts, then to the others.
    ///
    /// # Errors
    /// Fails when the network fails.
    pub fn cosines(&self, images: &[RgbImage]) -> Result<Vec<Vec<f32>>, VisionError> {
        let all = |embeds: &Vec<f32>| {
            let both = [&self.special_care, &self.concepts];
            let compared = both
                .into_iter()
                .flat_map(|concepts| concepts.compared(embeds));
            compared.map(|(cosine, _)| cosine).collect()
        };
        Ok(self.embeds(images)?.iter().map(all).collect())
    }

    /// Returns CLIP's embedding of each image, of length 1.
    fn embeds(&self, images: &[RgbImage]) -> Result<Vec<Vec<f32>>, VisionError> {
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let values = images
            .iter()
            .flat_map(|image| clip_pixel_values(image, ChannelOrder::Rgb));
        let shape = (images.len(), CHANNELS, CLIP_SIZE, CLIP_SIZE);
        let embeds = Tensor::from_vec(values.collect(), shape, &Device::Cpu)
            .map_err(NnError::from)
            .and_then(|pixels| self.vision_model.pooled(&pixels))
            .and_then(|pooled| self.visual_projection.forward(&pooled))
            .and_then(|embeds| Ok(embeds.to_dtype(DType::F32)?.to_vec2::<f32>()?))?;
        Ok(embeds.into_iter().map(normalized).collect())
    }
}

impl Concepts {
    fn load(name: &str, count: usize, width: usize, weights: &Weights) -> Result<Self, NnError> {
        let embeds = weights.get(name, &[count, width])?.to_vec2::<f32>()?;
        let thresholds = weights.get(&format!("{name}_weights"), &[count])?;
        Ok(Self {
            directions: embeds.into_iter().map(normalized).collect(),
            thresholds: thresholds.to_vec1()?,
        })
    }

    /// Returns the cosine of an image to each concept, with its threshold.
    fn compared(&self, embeds: &[f32]) -> Vec<(f32, f32)> {
        let cosine = |direction: &Vec<f32>| -> f32 {
            embeds.iter().zip(direction).map(|(a, b)| a * b).sum()
        };
        let cosines = self.directions.iter().map(cosine);
        cosines.zip(self.thresholds.iter().copied()).collect()
    }
}

/// Follows torch's `normalize`: zeros stay zeros.
fn normalized(vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    let length = length.max(1e-12);
    vector.into_iter().map(|value| value / length).collect()
}
