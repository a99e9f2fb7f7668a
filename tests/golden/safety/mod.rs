//! The safety checker: its numbers, its place in the engine, and the images
//! that replace others.

pub(crate) mod checker;
mod images;
mod stage;

use std::path::PathBuf;

use candle_core::Tensor;
use facegen_core::RgbImage;
use facegen_image::{ImageLimits, read_image};

use crate::support::{Golden, generated_tensors, root};

/// Returns a checkpoint in the published form, with the weights and thresholds
/// of the golden.
fn checkpoint(golden: &Golden) -> Vec<(String, Tensor)> {
    let thresholds = ["special_care_embeds_weights", "concept_embeds_weights"];
    let thresholds = thresholds.map(|name| (name.to_owned(), golden.input(name)));
    let weights = generated_tensors("safety.weights").into_iter();
    weights.chain(thresholds).collect()
}

/// Writes tensors as a file.
fn write(directory: &std::path::Path, tensors: Vec<(String, Tensor)>) -> PathBuf {
    let path = directory.join("safety_checker.safetensors");
    let tensors = tensors.into_iter().collect();
    candle_core::safetensors::save(&tensors, &path).unwrap();
    path
}

fn photo() -> RgbImage {
    let path = "tests/assets/photographs/astronaut.png";
    let path = root().join(path);
    read_image(&std::fs::read(path).unwrap(), &ImageLimits::default())
        .unwrap()
        .image
}
