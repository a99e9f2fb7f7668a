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

/// Returns the demo preset's image of the astronaut with these fields.
fn image(fields: &[(&str, String)], options: &LoadOptions) -> RgbImage {
    let preset = Preset::find(&root().join("models"), "demo").unwrap();
    let mut backend = CandleBackend::load(&preset, options).unwrap();
    let mut raw = RawGenerationRequest::default();
    for (name, value) in fields {
        *raw.field_mut(name).unwrap() = value.as_str().into();
    }
    let photo = root().join("tests/assets/photographs/astronaut.png");
    let face = std::fs::read(photo).unwrap();
    let input = GenerationInput {
        spec: raw
            .parse(&RequestLimits::default())
            .unwrap()
            .resolve_seed(|| 0)
            .spec,
        face: read_image(&face, &ImageLimits::default()).unwrap().image,
    };
    backend.admit(&input).unwrap();
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
