//! Random weights and inputs.

use candle_core::{Device, Tensor};
use facegen_nn::weights::TensorSource;
use facegen_nn::{NoiseSource, WeightsError};

/// A source of noise for every tensor that is requested.
#[derive(Debug)]
pub(crate) struct Noise;

impl TensorSource for Noise {
    fn load(&self, _name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        Ok(noise(shape)?)
    }

    fn contains(&self, _name: &str) -> bool {
        true
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn origin(&self) -> String {
        "noise".to_owned()
    }
}

pub(crate) fn noise(shape: &[usize]) -> candle_core::Result<Tensor> {
    let values = NoiseSource::new(1).normal(shape.iter().product());
    Tensor::from_vec(values, shape, &Device::Cpu)
}
