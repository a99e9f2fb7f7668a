use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use facegen_nn::weights::TensorSource;
use facegen_nn::{NoiseSource, Weights, WeightsError};
use serde::Deserialize;

use super::data;

/// One tensor of `NAME.weights.json`.
#[derive(Clone, Debug, Deserialize)]
struct Rule {
    shape: Vec<usize>,
    low: f32,
    span: f32,
    seed_name: Option<String>,
}

impl Rule {
    /// Computes `uniform * span + low`, as `python/weights.py` does.
    fn tensor(&self, name: &str) -> Tensor {
        let seed = crc32fast::hash(self.seed_name.as_deref().unwrap_or(name).as_bytes());
        let uniform = NoiseSource::new(seed).uniform(self.shape.iter().product());
        let values: Vec<f32> = uniform
            .into_iter()
            .map(|uniform| uniform * self.span + self.low)
            .collect();
        Tensor::from_vec(values, self.shape.as_slice(), &Device::Cpu).unwrap()
    }
}

/// The checkpoint that the reference saved, regenerated from its rules.
#[derive(Debug)]
struct GoldenWeights {
    name: String,
    rules: BTreeMap<String, Rule>,
}

impl GoldenWeights {
    fn load(name: &str) -> Self {
        let text = std::fs::read_to_string(data(&format!("{name}.json"))).unwrap();
        Self {
            name: name.to_owned(),
            rules: serde_json::from_str(&text).unwrap(),
        }
    }
}

impl TensorSource for GoldenWeights {
    fn load(&self, name: &str, _shape: &[usize]) -> Result<Tensor, WeightsError> {
        let missing = || WeightsError::Missing {
            tensor: name.to_owned(),
            file: self.name.clone(),
        };
        Ok(self.rules.get(name).ok_or_else(missing)?.tensor(name))
    }

    fn contains(&self, name: &str) -> bool {
        self.rules.contains_key(name)
    }

    fn names(&self) -> Vec<String> {
        self.rules.keys().cloned().collect()
    }

    fn origin(&self) -> String {
        self.name.clone()
    }
}

/// Returns the weights that `data/NAME.weights.json` describes.
pub(crate) fn golden_weights(name: &str) -> Weights {
    Weights::new(Arc::new(GoldenWeights::load(&format!("{name}.weights"))))
}

/// Returns the tensors that `data/NAME.json` describes.
pub(crate) fn generated_tensors(name: &str) -> BTreeMap<String, Tensor> {
    let rules = GoldenWeights::load(name).rules;
    rules
        .into_iter()
        .map(|(name, rule)| (name.clone(), rule.tensor(&name)))
        .collect()
}
