//! Golden files, the synthetic weights that go with them, and tiny models.

mod file;
mod models;
mod synthetic;

pub(crate) use file::{Golden, Manifest, Measure, distance};
pub(crate) use models::*;
pub(crate) use synthetic::{generated_tensors, golden_weights};

use std::path::PathBuf;

/// A file beside the golden data.
pub(crate) fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/data")
        .join(name)
}
