//! Random weights with the statistics of trained ones, for presets without
//! weights.
//!
//! A tensor is a pure function of the model's seed, its name and its shape. The
//! model itself defines its tensors: it is loaded once from a
//! [`SyntheticWeights`], which generates each requested tensor and records it,
//! and the recorded tensors are written as an ordinary checkpoint.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Tensor};
use facegen_nn::weights::TensorSource;
use facegen_nn::{NoiseSource, WeightsError};
use sha2::{Digest, Sha256};

use crate::EngineError;

/// Generates every tensor that a model requests.
#[derive(Debug)]
pub struct SyntheticWeights {
    seed: u32,
    invented: Mutex<BTreeMap<String, Tensor>>,
}

impl SyntheticWeights {
    /// Starts with a seed and no tensors.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self {
            seed,
            invented: Mutex::default(),
        }
    }

    /// Writes all requested tensors as safetensors, under a temporary name
    /// until the file is complete.
    ///
    /// # Errors
    /// Fails when the directory cannot be created or written to.
    pub fn write(&self, path: &Path) -> Result<(), EngineError> {
        let tensors = self.invented.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |source| EngineError::File {
            path: path.to_owned(),
            source,
        };
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(at)?;
        }
        let temporary = path.with_extension(format!("{}.partial", std::process::id()));
        safetensors::serialize_to_file(tensors.iter(), None, &temporary)
            .map_err(|error| at(std::io::Error::other(error)))?;
        std::fs::rename(&temporary, path).map_err(at)
    }
}

impl TensorSource for SyntheticWeights {
    fn load(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        let tensor = invent(self.seed, name, shape)?;
        let mut invented = self.invented.lock().unwrap_or_else(PoisonError::into_inner);
        invented.insert(name.to_owned(), tensor.clone());
        Ok(tensor)
    }

    fn contains(&self, _name: &str) -> bool {
        false
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn origin(&self) -> String {
        format!("synthetic weights of seed {}", self.seed)
    }
}

/// Generates the tensor of that seed, name and shape: uniform around a centre
/// that depends on its role, at a width that keeps activations near a deviation
/// of 1.
fn invent(seed: u32, name: &str, shape: &[usize]) -> candle_core::Result<Tensor> {
    let (centre, deviation) = statistics(name, shape);
    let half_width = deviation * 3f32.sqrt();
    let mut noise = NoiseSource::new(name_seed(seed, name));
    let values: Vec<f32> = noise
        .uniform(shape.iter().product())
        .into_iter()
        .map(|uniform| centre + half_width * (2.0 * uniform - 1.0))
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Returns mean and standard deviation of a tensor by its role.
fn statistics(name: &str, shape: &[usize]) -> (f32, f32) {
    let is_weight = name.ends_with("weight");
    match shape {
        // Norms scale by about one; every other vector is a bias.
        [_] if is_weight => (1.0, 0.1),
        [_] if name.ends_with("bias") => (0.0, 0.05),
        // Near the published safety checker's thresholds, which a random
        // direction hardly ever reaches.
        [_] if name.ends_with("embeds_weights") => (0.2, 0.01),
        _ if name.contains("embedding") && !name.contains("linear") && !name.contains("patch") => {
            (0.0, 0.5)
        }
        [_, fan_in @ ..] => (
            0.0,
            gain(name) / (fan_in.iter().product::<usize>() as f32).sqrt(),
        ),
        [] => (0.0, 0.05),
    }
}

/// Returns how far a matrix exceeds unit gain.
fn gain(name: &str) -> f32 {
    if name.contains("_lora.") {
        0.5
    } else if name == "decoder.conv_out.weight" {
        // Keeps most pixels between black and white.
        0.35
    } else {
        1.0
    }
}

fn name_seed(seed: u32, name: &str) -> u32 {
    let digest = Sha256::new()
        .chain_update(seed.to_le_bytes())
        .chain_update(name)
        .finalize();
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_depends_on_seed_and_name_alone() {
        let values = |seed, name| {
            invent(seed, name, &[4, 8])
                .unwrap()
                .to_vec2::<f32>()
                .unwrap()
        };
        assert_eq!(values(1, "a.weight"), values(1, "a.weight"));
        assert_ne!(values(1, "a.weight"), values(2, "a.weight"));
        assert_ne!(values(1, "a.weight"), values(1, "b.weight"));
    }

    /// A change of the weights requires another `SYNTHETIC_VERSION`, or old
    /// files are used as new ones.
    #[test]
    fn the_weights_are_those_of_this_version() {
        let values = invent(7, "conv.weight", &[2, 3, 3, 3]).unwrap();
        let values: Vec<f32> = values.flatten_all().unwrap().to_vec1().unwrap();
        let bits = [values[0].to_bits(), values[53].to_bits()];
        assert_eq!(bits, [3_183_795_147, 1_035_903_979]);
    }

    #[test]
    fn the_requested_tensors_are_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/model.safetensors");
        let weights = SyntheticWeights::new(7);
        let asked = weights.load("conv.weight", &[2, 3, 3, 3]).unwrap();
        weights.write(&path).unwrap();
        let written = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
        assert_eq!(written.len(), 1);
        let same = written["conv.weight"]
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        assert_eq!(asked.flatten_all().unwrap().to_vec1::<f32>().unwrap(), same);
    }
}
