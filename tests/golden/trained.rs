//! The demo preset as it ships, from a photo to an image, against the
//! reference pipeline on the same trained networks.

use candle_core::{Device, Tensor};
use facegen_core::Preset;
use facegen_core::{
    Backend, GenerationInput, RawGenerationRequest, RequestLimits, RgbImage, SlotEvent,
};
use facegen_engine::{CandleBackend, LoadOptions};
use facegen_image::{ImageLimits, read_image};
use serde_json::Value;

use crate::not_finite::end_of;
use crate::support::{Golden, config, root};

/// Loads the demo preset.
fn demo(options: &LoadOptions) -> CandleBackend {
    let preset = Preset::find(&root().join("models"), "demo").unwrap();
    CandleBackend::load(&preset, options).unwrap()
}

/// Returns a request with these fields for an image of the astronaut.
fn input(fields: &[(&str, String)]) -> GenerationInput {
    let mut raw = RawGenerationRequest::default();
    for (name, value) in fields {
        *raw.field_mut(name).unwrap() = value.as_str().into();
    }
    let photo = root().join("tests/assets/photographs/astronaut.png");
    let face = std::fs::read(photo).unwrap();
    let request = raw.parse(&RequestLimits::default()).unwrap();
    GenerationInput {
        spec: request.resolve_seed(|| 0).spec,
        face: read_image(&face, &ImageLimits::default()).unwrap().image,
    }
}

/// Returns the demo preset's image of the astronaut with these fields.
fn image(fields: &[(&str, String)], options: &LoadOptions) -> RgbImage {
    let mut backend = demo(options);
    backend.admit(&input(fields)).unwrap();
    let end = end_of(&mut backend);
    let SlotEvent::Finished { mut output, .. } = end else {
        panic!("{end:?}");
    };
    output.images.remove(0).pixels
}

/// Returns the golden's image, rows of RGB, as a device computes it.
pub(crate) fn portrait(options: &LoadOptions) -> Tensor {
    let arguments: Value = config("trained");
    let names = [
        "prompt",
        "negative_prompt",
        "width",
        "height",
        "num_inference_steps",
        "guidance_scale",
        "s_scale",
        "seed",
    ];
    let mut fields = names.map(|name| {
        let value = &arguments[name];
        let text = value.as_str().map(str::to_owned);
        (name, text.unwrap_or_else(|| value.to_string()))
    });
    fields.sort();
    let unchecked = ("safety_checker", "false".to_owned());
    let image = image(&[fields.as_slice(), &[unchecked]].concat(), options);
    let shape = (image.height(), image.width(), 3);
    Tensor::from_slice(image.pixels(), shape, &Device::Cpu).unwrap()
}

#[test]
fn the_portrait_is_that_of_the_reference_pipeline() {
    Golden::load("trained").check("image", &portrait(&LoadOptions::default()));
}

/// Returns the mean of each square of 8×8 pixels.
fn means(image: &RgbImage) -> Vec<f32> {
    let (width, height) = (image.width() / 8, image.height() / 8);
    let mut sums = vec![0.0; width * height * 3];
    for (index, level) in image.pixels().iter().enumerate() {
        let (pixel, channel) = (index / 3, index % 3);
        let (x, y) = (pixel % image.width() / 8, pixel / image.width() / 8);
        sums[(y * width + x) * 3 + channel] += f32::from(*level) / 64.0;
    }
    sums
}

/// Returns the mean difference between a preview and the image, in levels.
fn difference(preview: &RgbImage, means: &[f32]) -> f32 {
    let pairs = preview.pixels().iter().zip(means);
    let sum: f32 = pairs
        .map(|(one, other)| (f32::from(*one) - other).abs())
        .sum();
    sum / means.len() as f32
}

/// The preview of each step comes closer to the image, and the last one looks
/// like it.
#[test]
fn a_preview_is_about_as_the_image_will_be() {
    let mut backend = demo(&LoadOptions::default());
    let fields = [
        ("prompt", "a person at the beach, wearing a red sweater"),
        ("width", "256"),
        ("height", "384"),
        ("seed", "7"),
        ("safety_checker", "false"),
    ];
    let fields = fields.map(|(name, value)| (name, value.to_owned()));
    let slot = backend.admit(&input(&fields)).unwrap();
    assert_eq!(backend.previews(slot), [], "none before the first step");
    let mut previews = Vec::new();
    let images = 'end: loop {
        for event in backend.tick() {
            match event {
                SlotEvent::Progress { .. } => previews.extend(backend.previews(slot)),
                SlotEvent::Finished { output, .. } => break 'end output.images,
                SlotEvent::Failed { error, .. } => panic!("{error}"),
            }
        }
    };
    let means = means(&images[0].pixels);
    let differences: Vec<f32> = previews.iter().map(|it| difference(it, &means)).collect();
    println!("{differences:?}");
    let [first, .., last] = differences[..] else {
        panic!("{differences:?}");
    };
    assert!(last < first / 3.0 && last < 20.0, "{differences:?}");
}
