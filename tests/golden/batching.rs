use std::path::PathBuf;

use facegen_core::request::Scalar;
use facegen_core::{
    Backend, GenerationInput, GenerationOutput, Picture, RawGenerationRequest, RequestLimits,
    SlotEvent,
};
use facegen_engine::{CandleBackend, LoadOptions, Preset};
use facegen_outbound::{ImageLimits, read_image};

fn backend(data_dir: PathBuf, batch_limit: usize) -> CandleBackend {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/assets/presets");
    let options = LoadOptions {
        data_dir,
        ..LoadOptions::default()
    };
    CandleBackend::load(&Preset::find(&models, "random").unwrap(), &options)
        .unwrap()
        .with_batch_limit(batch_limit)
}

fn pixels(output: GenerationOutput) -> Vec<Picture> {
    let pictures = output.pictures.into_iter();
    pictures.map(|picture| picture.pixels).collect()
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
    let photograph = "tests/assets/photographs/astronaut.png";
    let photograph = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(photograph);
    let face = read_image(&std::fs::read(photograph).unwrap(), &ImageLimits::default())
        .unwrap()
        .picture;
    GenerationInput {
        spec: raw
            .parse(&RequestLimits::default())
            .unwrap()
            .resolve_seed(|| 0)
            .spec,
        face,
    }
}

/// Runs a backend until it is idle; the pictures by request.
fn pictures(backend: &mut CandleBackend, ticks: &mut usize) -> Vec<Vec<Picture>> {
    let mut finished = Vec::new();
    while backend.active() > 0 {
        *ticks += 1;
        for event in backend.tick() {
            if let SlotEvent::Finished { slot, output } = event {
                finished.push((slot, pixels(output)));
            }
        }
    }
    finished.sort_by_key(|(slot, _)| *slot);
    finished.into_iter().map(|(_, pictures)| pictures).collect()
}

#[test]
fn requests_that_share_calls_get_the_pictures_that_they_get_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run = |batch_limit: usize| {
        let (mut backend, mut ticks) = (backend(folder.path().to_owned(), batch_limit), 0);
        backend.admit(&input("1", "1")).unwrap();
        for _ in 0..3 {
            ticks += 1;
            backend.tick();
        }
        backend.admit(&input("2", "2")).unwrap();
        let dropped = backend.admit(&input("3", "2")).unwrap();
        backend.cancel(dropped);
        (pictures(&mut backend, &mut ticks), ticks)
    };
    let (alone, steps) = run(1);
    let (together, calls) = run(2);
    assert_eq!(alone.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(alone, together);
    assert_eq!(steps, 3 * 21);
    assert!(calls < steps, "{calls} calls for {steps} steps shared none");
}
