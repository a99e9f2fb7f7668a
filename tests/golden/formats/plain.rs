use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use candle_core::{DType, Device, Tensor};
use facegen_nn::weights::TensorSource;
use facegen_nn::{NoiseSource, Weights, WeightsError};

/// The values that every format holds, as `python/formats.py` says: a tensor of
/// any shape by its name, rounded to the precision of the format.
#[derive(Debug)]
pub(super) struct Plain {
    dtype: DType,
    has_projection: bool,
    asked: Mutex<BTreeMap<String, Vec<usize>>>,
}

impl Plain {
    /// Returns the values rounded to `dtype`.
    pub(super) fn new(dtype: DType) -> Arc<Self> {
        Arc::new(Self {
            dtype,
            has_projection: false,
            asked: Mutex::default(),
        })
    }

    /// Returns the values of an image encoder with its projection head.
    pub(super) fn with_projection(dtype: DType) -> Arc<Self> {
        Arc::new(Self {
            dtype,
            has_projection: true,
            asked: Mutex::default(),
        })
    }

    /// Returns weights from which a model can be loaded.
    pub(super) fn weights(self: &Arc<Self>) -> Weights {
        Weights::new(Arc::clone(self) as _)
    }

    /// Returns the value of a name.
    pub(super) fn value(&self, name: &str, shape: &[usize]) -> Tensor {
        let uniform = NoiseSource::new(crc32fast::hash(name.as_bytes()));
        let values = { uniform }.uniform(shape.iter().product());
        let values: Vec<f32> = values.into_iter().map(|value| value - 0.5).collect();
        Tensor::from_vec(values, shape, &Device::Cpu)
            .unwrap()
            .to_dtype(self.dtype)
            .unwrap()
    }

    /// Compares every tensor that a model took of the plain values with the one
    /// in `opened`; `in_file` returns its name there.
    pub(super) fn check(&self, opened: &Weights, in_file: impl Fn(&str) -> String) {
        let asked = self.asked.lock().unwrap();
        assert!(!asked.is_empty());
        for (name, shape) in asked.iter() {
            let found = opened.get(&in_file(name), shape).unwrap();
            assert_eq!(bits(&found), bits(&self.value(name, shape)), "{name}");
        }
    }
}

impl TensorSource for Plain {
    fn load(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        let mut asked = self.asked.lock().unwrap();
        asked.insert(name.to_owned(), shape.to_vec());
        Ok(self.value(name, shape))
    }

    fn contains(&self, name: &str) -> bool {
        self.has_projection && name == "visual_projection.weight"
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn origin(&self) -> String {
        "plain".to_owned()
    }
}

/// Returns the values of a tensor in f32, as bits, so that equal means equal.
pub(super) fn bits(tensor: &Tensor) -> Vec<u32> {
    let values = tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap();
    let values: Vec<f32> = values.to_vec1().unwrap();
    assert!(values.iter().all(|value| value.is_finite()));
    values.into_iter().map(f32::to_bits).collect()
}
