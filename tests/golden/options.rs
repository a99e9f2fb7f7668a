//! The options of presets: those of the shipped ones, and that each has an effect.

use std::collections::BTreeSet;
use std::fs;

use facegen_core::Preset;
use facegen_core::preset::{AdapterKind, ChannelOrder, FaceChoice, Precision};
use facegen_core::{Backend, GenerationInput, GenerationOutput, RgbImage, SlotEvent};
use facegen_image::{ImageLimits, read_image};

use crate::not_finite::end_of;
use crate::styles::{Presets, input};
use crate::support::root;

#[test]
fn presets_that_ship_read_faces_as_the_reference_does() {
    use AdapterKind::{FaceidPlusv2, PlusFace};
    use ChannelOrder::{Bgr, Rgb};
    use Precision::{Bf16, F16, F32};
    let rows = [
        ("demo", FaceidPlusv2, Bgr, F32),
        ("realistic-vision-faceid", FaceidPlusv2, Bgr, Bf16),
        ("sd15-faceid", FaceidPlusv2, Bgr, Bf16),
        ("sd15-plus-face", PlusFace, Rgb, Bf16),
    ];
    let models = root().join("models");
    assert_eq!(Preset::all(&models).unwrap().len(), rows.len());
    for (name, kind, order, on_cpu) in rows {
        let preset = Preset::find(&models, name).unwrap();
        let options = preset.options();
        assert_eq!(options.adapter_kind, kind, "{name}");
        assert_eq!(options.clip_channel_order, order, "{name}");
        assert_eq!(options.face, FaceChoice::Score, "{name}");
        assert_eq!(options.adapter_scale.to_bits(), 1f64.to_bits(), "{name}");
        assert_eq!(options.precision(true), F16, "{name}");
        assert_eq!(options.precision(false), on_cpu, "{name}");
    }
}

/// Returns the image of a photo by a preset with these lines among its options.
fn make(
    presets: &Presets,
    replaced: &str,
    line: &str,
    face: Option<&RgbImage>,
) -> GenerationOutput {
    let change = |manifest: String| {
        assert!(manifest.contains(replaced), "{replaced}");
        manifest.replace(replaced, line)
    };
    let mut backend = presets.load(&presets.write(change).unwrap());
    let usual = input(&[("prompt", "a portrait")]);
    let face = face.cloned().unwrap_or(usual.face);
    let spec = usual.spec;
    backend.admit(&GenerationInput { spec, face }).unwrap();
    let end = end_of(&mut backend);
    let SlotEvent::Finished { output, .. } = end else {
        panic!("{line}: {end:?}");
    };
    output
}

#[test]
fn every_option_changes_the_image() {
    let presets = Presets::new();
    let rows = [
        ("dtype = \"f32\"", "dtype = \"f32\""),
        ("dtype = \"f32\"", "dtype = \"f16\""),
        ("adapter_scale = 1.0", "adapter_scale = 0.5"),
        (
            "clip_channel_order = \"bgr\"",
            "clip_channel_order = \"rgb\"",
        ),
    ];
    let images = rows.map(|(usual, other)| make(&presets, usual, other, None).images);
    for (index, image) in images.iter().enumerate() {
        let other = rows[index].1;
        assert!(!images[..index].contains(image), "{other} changes nothing");
    }
    // Used only when a GPU computes.
    let gpu_dtype = "dtype = \"f32\"\ngpu_dtype = \"f16\"";
    let on_cpu = make(&presets, "dtype = \"f32\"", gpu_dtype, None);
    assert_eq!(on_cpu.images, images[0]);
}

#[test]
fn the_preset_chooses_the_face_which_is_reported() {
    let (presets, crowd) = (Presets::new(), crowd());
    let mut images = BTreeSet::new();
    for (face, chosen) in [
        ("score", "the most certain"),
        ("largest", "the largest"),
        ("center", "the most central"),
    ] {
        let usual = "adapter_scale = 1.0";
        let line = format!("{usual}\nface = \"{face}\"");
        let output = make(&presets, usual, &line, Some(&crowd));
        let said = format!("face_image shows 3 faces; {chosen} one was used");
        assert!(output.warnings.contains(&said), "{:?}", output.warnings);
        images.insert(output.images[0].pixels.pixels().to_vec());
    }
    assert_eq!(images.len(), 3, "each choice takes another face");
    let alone = make(&presets, "", "", None);
    let of_faces = |warning: &String| warning.contains("faces");
    assert!(!alone.warnings.iter().any(of_faces), "{:?}", alone.warnings);
}

/// Returns three people: the largest on the left, the smallest in the middle,
/// and on the right the one with the highest score.
fn crowd() -> RgbImage {
    let (width, height) = (1700, 900);
    let mut canvas = vec![127; width * height * 3];
    for (file, over, [left, top]) in [
        ("impostor_1.jpg", 1, [0, 0]),
        ("astronaut.png", 2, [722, 322]),
        ("person_a_2.jpg", 2, [1200, 200]),
    ] {
        let path = root().join("tests/assets/photographs").join(file);
        let bytes = fs::read(path).unwrap();
        let photo = read_image(&bytes, &ImageLimits::default()).unwrap().image;
        let [columns, rows] = [photo.width(), photo.height()];
        for (y, x) in (0..rows / over).flat_map(|y| (0..columns / over).map(move |x| (y, x))) {
            let from = (y * over * columns + x * over) * 3;
            let to = ((y + top) * width + x + left) * 3;
            canvas[to..to + 3].copy_from_slice(&photo.pixels()[from..from + 3]);
        }
    }
    RgbImage::new(width, height, canvas).unwrap()
}
