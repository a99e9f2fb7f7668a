use std::path::Path;

use facegen_core::Preset;
use facegen_core::request::Scalar;
use facegen_core::{
    Backend, Capacity, GenerationInput, GenerationOutput, RawGenerationRequest, RequestLimits,
    RgbImage, SlotEvent,
};
use facegen_engine::{CandleBackend, LoadOptions};
use facegen_image::{ImageLimits, read_image};

use crate::support::root;

fn backend(presets: &str, name: &str, data_dir: &Path, batch_limit: usize) -> CandleBackend {
    let presets = root().join(presets);
    let options = LoadOptions {
        data_dir: data_dir.to_owned(),
        ..LoadOptions::default()
    };
    CandleBackend::load(&Preset::find(&presets, name).unwrap(), &options)
        .unwrap()
        .with_batch_limit(batch_limit)
}

fn pixels(output: GenerationOutput) -> Vec<RgbImage> {
    let images = output.images.into_iter();
    images.map(|image| image.pixels).collect()
}

fn input(seed: &str, samples: &str) -> GenerationInput {
    let text = |text: &str| Scalar::Text(text.to_owned());
    let raw = RawGenerationRequest {
        prompt: text("a portrait"),
        width: text("64"),
        height: text("64"),
        seed: text(seed),
        samples: text(samples),
        ..RawGenerationRequest::default()
    };
    let photo = "tests/assets/photographs/astronaut.png";
    let photo = root().join(photo);
    let face = read_image(&std::fs::read(photo).unwrap(), &ImageLimits::default())
        .unwrap()
        .image;
    GenerationInput {
        spec: raw
            .parse(&RequestLimits::default())
            .unwrap()
            .resolve_seed(|| 0)
            .spec,
        face,
    }
}

/// Does one unit of work, and counts it if it was a call of the UNet.
fn tick(backend: &mut CandleBackend, calls: &mut usize) -> Vec<SlotEvent> {
    let events = backend.tick();
    let is_step = |event: &SlotEvent| matches!(event, SlotEvent::Progress { .. });
    *calls += usize::from(events.iter().any(is_step));
    events
}

/// Runs a backend until it is idle; returns the images by request.
fn images(backend: &mut CandleBackend, calls: &mut usize) -> Vec<Vec<RgbImage>> {
    let mut finished = Vec::new();
    while backend.active() > 0 {
        for event in tick(backend, calls) {
            if let SlotEvent::Finished { slot, output } = event {
                finished.push((slot, pixels(output)));
            }
        }
    }
    finished.sort_by_key(|(slot, _)| *slot);
    finished.into_iter().map(|(_, images)| images).collect()
}

#[test]
fn requests_that_share_calls_get_the_same_images_as_alone() {
    let directory = tempfile::tempdir().unwrap();
    let run = |batch_limit: usize| {
        let mut backend = backend(
            "tests/assets/presets",
            "random",
            directory.path(),
            batch_limit,
        );
        let mut calls = 0;
        backend.admit(&input("1", "1")).unwrap();
        for _ in 0..3 {
            tick(&mut backend, &mut calls);
        }
        backend.admit(&input("2", "2")).unwrap();
        let dropped = backend.admit(&input("3", "2")).unwrap();
        backend.cancel(dropped);
        (images(&mut backend, &mut calls), calls)
    };
    let (alone, steps) = run(1);
    let (together, calls) = run(2);
    assert_eq!(alone.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(alone, together);
    assert_eq!(steps, 3 * 21);
    assert!(calls < steps, "{calls} calls for {steps} steps shared none");
}

#[test]
fn eight_requests_of_the_demo_preset_share_their_calls() {
    let directory = tempfile::tempdir().unwrap();
    let seeds = ["1", "2", "3", "4", "5", "6", "7", "8"];
    let mut alone_calls = 0;
    let mut alone = backend("models", "demo", directory.path(), 1);
    let solo = seeds.map(|seed| {
        alone.admit(&input(seed, "1")).unwrap();
        images(&mut alone, &mut alone_calls).remove(0)
    });
    assert_eq!(alone_calls, 8 * 21);

    let mut together = backend("models", "demo", directory.path(), 8);
    let size = input("1", "1").spec.size();
    assert_eq!(together.capacity(size), Capacity::of_images(8));
    for seed in seeds {
        together.admit(&input(seed, "1")).unwrap();
    }
    let mut calls = 0;
    assert_eq!(images(&mut together, &mut calls), solo);
    assert_eq!(calls, 21, "all eight share each call");
}
