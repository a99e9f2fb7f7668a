//! Golden files, the synthetic weights that go with them, and tiny models.

mod file;
mod models;
mod synthetic;

pub(crate) use file::{Golden, Manifest, Measure, distance};
pub(crate) use models::*;
pub(crate) use synthetic::{generated_tensors, golden_weights};

use std::path::PathBuf;

use candle_core::Tensor;
use facegen_image::RgbImage;

/// Returns the directory of the repository, or of a copy of the files that the
/// tests read: a program that runs on another machine is given its path.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo sets the variable for tests, too"
)]
pub(crate) fn root() -> PathBuf {
    let built_in = || env!("CARGO_MANIFEST_DIR").into();
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(built_in, PathBuf::from)
}

/// Returns the path of a file next to the golden data.
pub(crate) fn data(name: &str) -> PathBuf {
    root().join("tests/golden/data").join(name)
}

/// Returns an image that a golden holds blue first.
pub(crate) fn bgr_image(bgr: &Tensor) -> RgbImage {
    let (height, width, _) = bgr.dims3().unwrap();
    let bgr: Vec<u8> = bgr.flatten_all().unwrap().to_vec1().unwrap();
    let rgb = bgr
        .chunks(3)
        .flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]);
    RgbImage::new(width, height, rgb.collect()).unwrap()
}
