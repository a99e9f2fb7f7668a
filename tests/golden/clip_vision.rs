use candle_core::Tensor;
use facegen_core::preset::ChannelOrder;
use facegen_image::RgbImage;
use facegen_vision::clip_pixel_values;

use crate::support::{Golden, clip_vision, gpu_path, native};

/// Normalises a u8 image that already has the right size, as CLIP does.
pub(crate) fn pixel_values(image: &Tensor) -> Tensor {
    const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
    const STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
    let (height, width, _) = image.dims3().unwrap();
    let pixels: Vec<u8> = image.flatten_all().unwrap().to_vec1().unwrap();
    let value = |channel: usize, pixel: &[u8]| {
        ((f64::from(pixel[channel]) / 255.0) as f32 - MEAN[channel]) / STD[channel]
    };
    let planes =
        (0..3).flat_map(|channel| pixels.chunks(3).map(move |pixel| value(channel, pixel)));
    Tensor::from_vec(
        planes.collect::<Vec<f32>>(),
        (1, 3, height, width),
        image.device(),
    )
    .unwrap()
}

#[test]
fn every_hidden_state_is_that_of_transformers() {
    let golden = Golden::load("clip_vision");
    let pixels = pixel_values(&golden.input("image"));
    for compute in [native(), gpu_path()] {
        let model = clip_vision("clip_vision", &compute);
        let states = model.hidden_states(&pixels).unwrap();
        assert_eq!(states.len(), 5);
        for (index, state) in states.iter().enumerate() {
            golden.check(
                &format!("hidden_states.{index}"),
                &state.squeeze(0).unwrap(),
            );
        }
        let penultimate = model.penultimate_hidden_state(&pixels).unwrap();
        golden.check("hidden_states.3", &penultimate.squeeze(0).unwrap());
        let nothing = model
            .penultimate_hidden_state(&pixels.zeros_like().unwrap())
            .unwrap();
        golden.check("zeros.hidden_states.3", &nothing.squeeze(0).unwrap());
    }
}

#[test]
fn the_order_of_channels_is_part_of_the_input() {
    let golden = Golden::load("clip_vision");
    // The stored image is in the order that enters the network: blue first.
    let image = golden
        .input("image")
        .flatten_all()
        .unwrap()
        .to_vec1::<u8>()
        .unwrap();
    let rgb = image
        .chunks(3)
        .flat_map(|pixel| [pixel[2], pixel[1], pixel[0]])
        .collect();
    let crop = RgbImage::new(224, 224, rgb).unwrap();
    let model = clip_vision("clip_vision", &native());
    let state = |order| {
        let values = clip_pixel_values(&crop, order);
        let pixels = Tensor::from_vec(values, (1, 3, 224, 224), &candle_core::Device::Cpu).unwrap();
        model
            .penultimate_hidden_state(&pixels)
            .unwrap()
            .squeeze(0)
            .unwrap()
    };
    golden.check("hidden_states.3", &state(ChannelOrder::Bgr));
    assert!(golden.distance("hidden_states.3", &state(ChannelOrder::Rgb)) >= 20.0);
}

#[test]
fn the_safety_checkers_encoder_projects_its_class_token() {
    let golden = Golden::load("clip_vision_quick");
    let pixels = pixel_values(&golden.input("image"));
    for compute in [native(), gpu_path()] {
        let model = clip_vision("clip_vision_quick", &compute);
        golden.check("image_embeds", &model.image_embeds(&pixels).unwrap());
    }
}
