//! A step that runs out of memory, on networks of random weights.

use std::path::{Path, PathBuf};

use facegen_core::request::Scalar;
use facegen_core::{Picture, RawGenerationRequest};

use super::*;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn backend(data_dir: &Path, batch_limit: usize) -> CandleBackend {
    let options = LoadOptions {
        data_dir: data_dir.to_owned(),
        ..LoadOptions::default()
    };
    let preset = Preset::find(&Path::new(ROOT).join("tests/assets/presets"), "random").unwrap();
    CandleBackend::load(&preset, &options)
        .unwrap()
        .with_batch_limit(batch_limit)
}

fn photograph() -> Picture {
    let path = PathBuf::from(ROOT).join("tests/assets/photographs/astronaut.png");
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut rgb).unwrap();
    assert_eq!(frame.color_type, png::ColorType::Rgb);
    Picture::new(frame.width, frame.height, rgb).unwrap()
}

fn input(seed: &str) -> GenerationInput {
    let text = |text: &str| Scalar::Text(text.to_owned());
    let raw = RawGenerationRequest {
        prompt: text("a portrait"),
        width: text("64"),
        height: text("64"),
        seed: text(seed),
        ..RawGenerationRequest::default()
    };
    GenerationInput {
        request: raw.parse().unwrap().resolve_seed(|| 0),
        face: photograph(),
    }
}

/// A step of a device whose memory holds so many pictures.
fn step_within(memory: usize) -> impl Fn(&CandleBackend, &mut [Sample]) -> Result<(), EngineError> {
    move |backend, batch| {
        if batch.len() > memory {
            let full = "CUDA_ERROR_OUT_OF_MEMORY";
            return Err(candle_core::Error::Cuda(full.into()).into());
        }
        backend.step(batch)
    }
}

/// Runs a backend until it is idle; what came of each request.
fn ends(
    backend: &mut CandleBackend,
    memory: usize,
) -> Vec<(Slot, Result<Vec<Picture>, BackendError>)> {
    let mut ends = Vec::new();
    while backend.active() > 0 {
        for event in backend.tick_by(step_within(memory)) {
            match event {
                SlotEvent::Progress { .. } => {}
                SlotEvent::Finished { slot, output } => ends.push((slot, Ok(output.pictures))),
                SlotEvent::Failed { slot, error } => ends.push((slot, Err(error))),
            }
        }
    }
    ends.sort_by_key(|(slot, _)| *slot);
    ends
}

#[test]
fn pictures_that_memory_is_too_small_for_together_are_made_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let alone = ["1", "2"].map(|seed| {
        let mut backend = backend(folder.path(), 1);
        backend.admit(&input(seed)).unwrap();
        ends(&mut backend, 1).remove(0).1.unwrap()
    });
    let mut backend = backend(folder.path(), 2);
    for seed in ["1", "2"] {
        backend.admit(&input(seed)).unwrap();
    }
    // Two share a few steps before the memory is filled by somebody else.
    for _ in 0..3 {
        assert_eq!(backend.tick_by(step_within(2)).len(), 2);
    }
    assert!(backend.tick_by(step_within(1)).is_empty());
    assert_eq!(backend.batch_limit.get(), 1);
    assert_eq!(backend.tick_by(step_within(1)).len(), 1, "the oldest alone");
    let together = ends(&mut backend, 1);
    let together: Vec<_> = together.into_iter().map(|(_, end)| end.unwrap()).collect();
    assert_eq!(together, alone);
}

#[test]
fn a_picture_that_memory_is_too_small_for_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut backend = backend(folder.path(), 1);
    let first = backend.admit(&input("1")).unwrap();
    let second = backend.admit(&input("2")).unwrap();
    let events = backend.tick_by(step_within(0));
    let [SlotEvent::Failed { slot, error }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((*slot, error), (first, &BackendError::OutOfMemory));
    assert_eq!(backend.batch_limit.get(), 1);
    let ends = ends(&mut backend, 1);
    assert!(matches!(&ends[..], [(slot, Ok(_))] if *slot == second));
}
