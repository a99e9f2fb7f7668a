use facegen_vision::{resize_and_center_crop, resize_bicubic, resize_bilinear};

use super::{image, tensor};
use crate::support::Golden;

const SIZES: [&str; 9] = [
    "portrait_down",
    "landscape_down",
    "up",
    "half",
    "one_axis",
    "far_down",
    "from_one_pixel",
    "from_one_column",
    "to_one_pixel",
];
const CROPS: [&str; 5] = ["portrait", "landscape", "up", "long", "square"];

#[test]
fn bilinear_resizing_is_that_of_opencv_to_the_byte() {
    let golden = Golden::load("vision_resize");
    for name in SIZES {
        let suffix = format!("bilinear.{name}");
        let (height, width, _) = golden.expected(&suffix).dims3().unwrap();
        let source = image(&golden.input(&format!("size.{name}")));
        golden.check(&suffix, &tensor(&resize_bilinear(&source, width, height)));
    }
}

#[test]
fn bicubic_resizing_is_that_of_pillow_to_the_byte() {
    let golden = Golden::load("vision_resize");
    for name in SIZES {
        let suffix = format!("bicubic.{name}");
        let (height, width, _) = golden.expected(&suffix).dims3().unwrap();
        let source = image(&golden.input(&format!("size.{name}")));
        golden.check(&suffix, &tensor(&resize_bicubic(&source, width, height)));
    }
}

#[test]
fn the_crop_of_clip_is_that_of_transformers_to_the_byte() {
    let golden = Golden::load("vision_resize");
    for name in CROPS {
        let suffix = format!("clip_crop.{name}");
        let size = golden.expected(&suffix).dim(0).unwrap();
        let source = image(&golden.input(&format!("crop.{name}")));
        golden.check(&suffix, &tensor(&resize_and_center_crop(&source, size)));
    }
}
