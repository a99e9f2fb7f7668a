use candle_core::{Device, Tensor};
use facegen_image::RgbImage;
use facegen_vision::{align_to_template, norm_crop};

use super::{image, landmarks, photo, tensor};
use crate::support::Golden;

/// Faces in the golden's own image.
const FACES: [&str; 7] = [
    "upright_small",
    "turned_large",
    "upside_down",
    "partly_outside",
    "mostly_outside",
    "mirrored",
    "size_with_margin",
];

#[test]
fn crops_of_noise_are_those_of_opencv_to_the_byte() {
    let golden = Golden::load("vision_alignment");
    let image = image(&golden.input("picture"));
    for name in FACES {
        check(&golden, name, &image);
    }
}

#[test]
fn crops_of_a_photo_are_those_of_opencv_to_the_byte() {
    let golden = Golden::load("vision_alignment");
    for name in ["astronaut_112", "astronaut_224"] {
        check(&golden, name, &photo("astronaut.png"));
    }
}

/// Checks the matrix against scikit-image and the crop against OpenCV.
fn check(golden: &Golden, name: &str, image: &RgbImage) {
    let landmarks = landmarks(&golden.input(&format!("landmarks.{name}")));
    let crop = format!("crop.{name}");
    let size = golden.expected(&crop).dim(0).unwrap();
    let matrix = align_to_template(&landmarks, size).unwrap();
    golden.check(
        &format!("matrix.{name}"),
        &Tensor::new(&matrix, &Device::Cpu).unwrap(),
    );
    golden.check(&crop, &tensor(&norm_crop(image, &landmarks, size).unwrap()));
}
