use candle_core::{Device, Tensor};
use facegen_core::preset::ChannelOrder;
use facegen_image::RgbImage;
use facegen_vision::clip_pixel_values;

use super::{image, photo};
use crate::support::Golden;

/// The golden keeps every eighth pixel of every eighth row.
const KEPT: usize = 8;

#[test]
fn pixel_values_of_every_byte_are_those_of_transformers() {
    let golden = Golden::load("vision_clip");
    check(&golden, "levels", &image(&golden.input("levels")));
}

#[test]
fn pixel_values_of_a_photo_are_those_of_transformers() {
    check(
        &Golden::load("vision_clip"),
        "astronaut",
        &photo("astronaut.png"),
    );
}

fn check(golden: &Golden, name: &str, image: &RgbImage) {
    for (order, prefix) in [(ChannelOrder::Rgb, "rgb"), (ChannelOrder::Bgr, "bgr")] {
        let values = clip_pixel_values(image, order);
        golden.check(&format!("{prefix}.{name}"), &kept(&values));
    }
}

fn kept(values: &[f32]) -> Tensor {
    let rows = values.chunks_exact(224).step_by(KEPT);
    let kept: Vec<f32> = rows
        .flat_map(|row| row.iter().step_by(KEPT))
        .copied()
        .collect();
    Tensor::from_vec(kept, (3, 224 / KEPT, 224 / KEPT), &Device::Cpu).unwrap()
}
