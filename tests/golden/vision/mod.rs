//! Images and faces against OpenCV, Pillow, scikit-image, transformers and onnxruntime.

mod alignment;
mod clip;
mod faces;
mod full;
mod identity;
mod resize;
mod retrying;
mod scrfd;

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use facegen_image::RgbImage;
use facegen_image::{ImageLimits, read_image};
use facegen_vision::{Landmarks, YuNetDetector};

use crate::support::Golden;

const GOLDENS: [&str; 6] = [
    "vision_alignment",
    "vision_arcface",
    "vision_clip",
    "vision_faces",
    "vision_resize",
    "vision_scrfd",
];

/// Checks every golden: one that no fault can move proves nothing.
#[test]
fn every_fault_moves_its_golden() {
    for name in GOLDENS {
        let ratios = Golden::load(name).mutation_ratios();
        assert!(!ratios.is_empty(), "{name} knows no fault");
        for (mutation, suffix, ratio) in ratios {
            println!("{name:18} {mutation:24} {suffix:24} {ratio:12.0}");
        }
    }
}

fn repository() -> PathBuf {
    crate::support::root()
}

/// Reads one of the committed photos.
fn photo(file: &str) -> RgbImage {
    read_photo(&repository().join("tests/assets/photographs").join(file))
}

fn read_photo(path: &Path) -> RgbImage {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let image = read_image(&bytes, &ImageLimits::default()).unwrap().image;
    let (width, height) = (image.width() as usize, image.height() as usize);
    RgbImage::new(width, height, image.into_pixels()).unwrap()
}

fn yunet() -> YuNetDetector {
    YuNetDetector::load(repository().join("models/demo/face_detector/yunet_2023mar.onnx")).unwrap()
}

/// Cuts out a part of a photo, by its left, top, width and height.
fn cut(photo: &RgbImage, [left, top, width, height]: [usize; 4]) -> RgbImage {
    let rows = photo
        .pixels()
        .chunks_exact(photo.width() * 3)
        .skip(top)
        .take(height);
    let pixels = rows
        .flat_map(|row| &row[left * 3..][..width * 3])
        .copied()
        .collect();
    RgbImage::new(width, height, pixels).unwrap()
}

/// Converts bytes `[height, width, 3]` to an image.
fn image(tensor: &Tensor) -> RgbImage {
    let (height, width, _) = tensor.dims3().unwrap();
    RgbImage::new(
        width,
        height,
        tensor.flatten_all().unwrap().to_vec1().unwrap(),
    )
    .unwrap()
}

/// Converts an image to bytes `[height, width, 3]`.
fn tensor(image: &RgbImage) -> Tensor {
    Tensor::from_slice(
        image.pixels(),
        (image.height(), image.width(), 3),
        &Device::Cpu,
    )
    .unwrap()
}

/// Converts `[5, 2]` or ten numbers to landmarks.
fn landmarks(tensor: &Tensor) -> Landmarks {
    let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
    Landmarks(std::array::from_fn(|point| {
        [values[2 * point], values[2 * point + 1]]
    }))
}
