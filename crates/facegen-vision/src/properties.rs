//! Every input results in an image of the right size or an error.

use facegen_core::preset::ChannelOrder;
use facegen_image::RgbImage;
use proptest::array::uniform5;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{
    Landmarks, clip_pixel_values, norm_crop, resize_and_center_crop, resize_bicubic,
    resize_bilinear,
};

fn any_image() -> impl Strategy<Value = RgbImage> {
    (1..24_usize, 1..24_usize).prop_flat_map(|(width, height)| {
        vec(any::<u8>(), width * height * 3)
            .prop_map(move |pixels| RgbImage::new(width, height, pixels).unwrap())
    })
}

/// Generates points in and around a small image, and arbitrary `f32` values.
fn any_landmarks() -> impl Strategy<Value = Landmarks> {
    let near = uniform5([-50.0..80.0_f32, -50.0..80.0_f32]);
    let anywhere = uniform5([any::<f32>(), any::<f32>()]);
    prop_oneof![near, anywhere].prop_map(Landmarks)
}

proptest! {
    #[test]
    fn resizing_gives_the_size_asked_for(image in any_image(), width in 1..50_usize, height in 1..50_usize) {
        for resized in [resize_bilinear(&image, width, height), resize_bicubic(&image, width, height)] {
            prop_assert_eq!((resized.width(), resized.height()), (width, height));
        }
        let crop = resize_and_center_crop(&image, width);
        prop_assert_eq!((crop.width(), crop.height()), (width, width));
    }

    #[test]
    fn resizing_stays_within_the_colours_of_a_flat_image(grey in any::<u8>(), width in 1..50_usize, height in 1..50_usize) {
        let image = RgbImage::new(7, 5, vec![grey; 7 * 5 * 3]).unwrap();
        for resized in [resize_bilinear(&image, width, height), resize_bicubic(&image, width, height)] {
            prop_assert!(resized.pixels().iter().all(|&byte| byte == grey));
        }
    }

    #[test]
    fn pixel_values_are_finite(image in any_image()) {
        let values = clip_pixel_values(&image, ChannelOrder::Bgr);
        prop_assert_eq!(values.len(), 3 * 224 * 224);
        prop_assert!(values.iter().all(|value| value.abs() < 3.0));
    }

    #[test]
    fn any_landmarks_give_a_crop_or_an_error(image in any_image(), landmarks in any_landmarks()) {
        if let Ok(crop) = norm_crop(&image, &landmarks, 112) {
            prop_assert_eq!((crop.width(), crop.height()), (112, 112));
        }
    }
}
