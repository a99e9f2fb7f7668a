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

/// Returns the path of a file next to the golden data.
pub(crate) fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/data")
        .join(name)
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
