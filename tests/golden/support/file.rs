use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;

use super::data;

/// How many tolerances a fault must move a result by.
const LEAST_RATIO: f64 = 20.0;

/// What the scripts state about their files.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) goldens: BTreeMap<String, Entry>,
}

/// One golden file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) expected: BTreeMap<String, Expectation>,
}

/// How near a result must be.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Expectation {
    pub(crate) tolerance: f64,
    pub(crate) measure: Measure,
}

/// The measure that is compared with the tolerance.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measure {
    /// The largest absolute difference.
    MaxAbs,
    /// The share of elements that differ.
    DifferingFraction,
}

impl Manifest {
    pub(crate) fn load() -> Self {
        Self::load_from(&data(""))
    }

    fn load_from(directory: &Path) -> Self {
        let text = std::fs::read_to_string(directory.join("MANIFEST.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

/// A golden file with its tolerances.
#[derive(Debug)]
pub(crate) struct Golden {
    name: String,
    tensors: HashMap<String, Tensor>,
    entry: Entry,
}

impl Golden {
    pub(crate) fn load(name: &str) -> Self {
        Self::load_from(&data(""), name)
    }

    /// Loads a golden that is not committed.
    pub(crate) fn load_from(directory: &Path, name: &str) -> Self {
        let path = directory.join(format!("{name}.safetensors"));
        let tensors = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
        let entry = Manifest::load_from(directory).goldens[name].clone();
        Self {
            name: name.to_owned(),
            tensors,
            entry,
        }
    }

    pub(crate) fn input(&self, name: &str) -> Tensor {
        self.tensors[&format!("input.{name}")].clone()
    }

    pub(crate) fn expected(&self, suffix: &str) -> Tensor {
        self.tensors[&format!("expected.{suffix}")].clone()
    }

    pub(crate) fn expectation(&self, suffix: &str) -> &Expectation {
        &self.entry.expected[suffix]
    }

    /// Returns the standard deviation of the expected values.
    pub(crate) fn deviation(&self, suffix: &str) -> f64 {
        let values = self
            .expected(suffix)
            .to_dtype(DType::F64)
            .unwrap()
            .flatten_all()
            .unwrap();
        values.var(0).unwrap().to_scalar::<f64>().unwrap().sqrt()
    }

    /// Returns `(mutation, suffix of what it perturbs, result)` of every fault.
    pub(crate) fn mutations(&self) -> Vec<(String, String, Tensor)> {
        let parts = self.tensors.iter().filter_map(|(name, tensor)| {
            let name = name.strip_prefix("mutation.")?;
            // Both parts may hold dots: the longest suffix that is expected counts.
            let suffixes = self
                .entry
                .expected
                .keys()
                .filter(|suffix| name.ends_with(&format!(".{suffix}")));
            let suffix = suffixes.max_by_key(|suffix| suffix.len());
            let suffix = suffix.unwrap_or_else(|| panic!("{name} perturbs nothing"));
            let mutation = name.strip_suffix(suffix.as_str())?.strip_suffix('.')?;
            Some((mutation.to_owned(), suffix.clone(), tensor.clone()))
        });
        parts.collect()
    }

    /// Returns the distance of a result from the reference, in tolerances.
    pub(crate) fn distance(&self, suffix: &str, actual: &Tensor) -> f64 {
        let expectation = self.expectation(suffix);
        distance(expectation.measure, &self.expected(suffix), actual) / expectation.tolerance
    }

    /// Checks that a result is near the reference and away from every fault.
    pub(crate) fn check(&self, suffix: &str, actual: &Tensor) {
        let moved = self.distance(suffix, actual);
        println!("{} {suffix}: {moved:.3} tolerances", self.name);
        assert!(
            moved <= 1.0,
            "{} {suffix} is {moved} tolerances off",
            self.name
        );
        for (mutation, of, faulty) in self
            .mutations()
            .into_iter()
            .filter(|(_, of, _)| of == suffix)
        {
            let expectation = self.expectation(&of);
            let away = distance(expectation.measure, &faulty, actual) / expectation.tolerance;
            assert!(
                away >= LEAST_RATIO,
                "{} {suffix} cannot be distinguished from {mutation}",
                self.name
            );
        }
    }

    /// Returns the ratio by which each fault moves its golden.
    pub(crate) fn mutation_ratios(&self) -> Vec<(String, String, f64)> {
        let ratio = |(mutation, suffix, faulty): (String, String, Tensor)| {
            let moved = self.distance(&suffix, &faulty);
            assert!(
                moved >= LEAST_RATIO,
                "{} {mutation} moves {suffix} by {moved} tolerances only",
                self.name
            );
            (mutation, suffix, moved)
        };
        self.mutations().into_iter().map(ratio).collect()
    }
}

/// Compares two tensors of one shape; infinite where one is not finite.
pub(crate) fn distance(measure: Measure, expected: &Tensor, actual: &Tensor) -> f64 {
    assert_eq!(expected.dims(), actual.dims());
    let values = |tensor: &Tensor| -> Vec<f64> {
        let tensor = tensor.to_device(&Device::Cpu).unwrap();
        tensor
            .to_dtype(DType::F64)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap()
    };
    let differences = values(expected)
        .into_iter()
        .zip(values(actual))
        .map(|(one, other)| (one - other).abs());
    match measure {
        Measure::MaxAbs => differences.fold(0.0, |most, next| {
            if next.is_finite() {
                next.max(most)
            } else {
                f64::INFINITY
            }
        }),
        Measure::DifferingFraction => {
            differences.filter(|difference| *difference != 0.0).count() as f64
                / expected.elem_count() as f64
        }
    }
}
