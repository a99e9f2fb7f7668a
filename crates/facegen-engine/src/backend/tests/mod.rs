//! Steps that run out of memory, on networks of random weights.

use std::path::{Path, PathBuf};

use facegen_core::request::{RequestLimits, Scalar};
use facegen_core::{GeneratedImage, RawGenerationRequest};
use facegen_image::RgbImage;

use super::*;
use crate::pipeline::{BatchAdvice, PreparedRequest};

mod toy;

type SmallBackend = PipelineBackend<LittleMemory<StableDiffusionPipeline>>;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Builds a backend with memory for as many images as may share a step.
fn backend(data_dir: &Path, batch_limit: usize) -> SmallBackend {
    let options = LoadOptions {
        data_dir: data_dir.to_owned(),
        ..LoadOptions::default()
    };
    let preset = Preset::find(&Path::new(ROOT).join("tests/assets/presets"), "random").unwrap();
    let backend = CandleBackend::load(&preset, &options).unwrap();
    let pipeline = LittleMemory {
        pipeline: backend.pipeline,
        images: batch_limit,
    };
    PipelineBackend::new(pipeline, backend.safety).with_batch_limit(batch_limit)
}

fn photo() -> RgbImage {
    let path = PathBuf::from(ROOT).join("tests/assets/photographs/astronaut.png");
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut rgb).unwrap();
    assert_eq!(frame.color_type, png::ColorType::Rgb);
    RgbImage::new(frame.width as usize, frame.height as usize, rgb).unwrap()
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
        spec: raw
            .parse(&RequestLimits::default())
            .unwrap()
            .resolve_seed(|| 0)
            .spec,
        face: photo(),
    }
}

/// Returns the size of all images in these tests.
fn size() -> ImageSize {
    ImageSize::try_from((64, 64)).unwrap()
}

/// A pipeline on a device whose memory holds this many samples.
#[derive(Debug)]
struct LittleMemory<P> {
    pipeline: P,
    images: usize,
}

impl<P: Pipeline> Pipeline for LittleMemory<P> {
    type Prepared = P::Prepared;

    fn limits(&self) -> &RequestLimits {
        self.pipeline.limits()
    }

    fn batch_advice(&self) -> BatchAdvice {
        let pixels = size().width() * size().height();
        BatchAdvice {
            images: 8,
            pixels: Some(self.images * pixels as usize),
        }
    }

    fn prepare(
        &self,
        input: &GenerationInput,
    ) -> Result<PreparedRequest<P::Prepared>, EngineError> {
        self.pipeline.prepare(input)
    }

    fn find_faces(&self, photo: &RgbImage) -> Result<Vec<FoundFace>, EngineError> {
        self.pipeline.find_faces(photo)
    }

    fn join(&mut self, prepared: P::Prepared) -> SampleId {
        self.pipeline.join(prepared)
    }

    fn can_share_step(&self, one: SampleId, other: SampleId) -> bool {
        self.pipeline.can_share_step(one, other)
    }

    fn step(&mut self, samples: &[SampleId]) -> Result<(), EngineError> {
        if samples.len() > self.images {
            let full = "CUDA_ERROR_OUT_OF_MEMORY";
            return Err(candle_core::Error::Cuda(full.into()).into());
        }
        self.pipeline.step(samples)
    }

    fn steps_left(&self, sample: SampleId) -> usize {
        self.pipeline.steps_left(sample)
    }

    fn decode(&mut self, sample: SampleId) -> Result<Option<RgbImage>, EngineError> {
        self.pipeline.decode(sample)
    }

    fn preview(&self, sample: SampleId) -> Result<Option<RgbImage>, EngineError> {
        self.pipeline.preview(sample)
    }

    fn leave(&mut self, sample: SampleId) {
        self.pipeline.leave(sample);
    }
}

/// Runs a backend until it is idle and returns the result of each request.
fn ends(backend: &mut impl Backend) -> Vec<(Slot, Result<Vec<GeneratedImage>, BackendError>)> {
    let mut ends = Vec::new();
    while backend.active() > 0 {
        for event in backend.tick() {
            match event {
                SlotEvent::Progress { .. } => {}
                SlotEvent::Finished { slot, output } => ends.push((slot, Ok(output.images))),
                SlotEvent::Failed { slot, error } => ends.push((slot, Err(error))),
            }
        }
    }
    ends.sort_by_key(|(slot, _)| *slot);
    ends
}

#[test]
fn images_too_large_for_memory_together_are_generated_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let alone = ["1", "2"].map(|seed| {
        let mut backend = backend(directory.path(), 1);
        backend.admit(&input(seed)).unwrap();
        ends(&mut backend).remove(0).1.unwrap()
    });
    let mut backend = backend(directory.path(), 2);
    for seed in ["1", "2"] {
        backend.admit(&input(seed)).unwrap();
    }
    // Two share a few steps before something else fills the memory.
    for _ in 0..3 {
        assert_eq!(backend.tick().len(), 2);
    }
    backend.pipeline.images = 1;
    assert!(backend.tick().is_empty());
    assert_eq!(backend.capacity(size()), Capacity::of_images(1));
    assert_eq!(backend.tick().len(), 1, "the oldest alone");
    let together = ends(&mut backend);
    let together: Vec<_> = together.into_iter().map(|(_, end)| end.unwrap()).collect();
    assert_eq!(together, alone);
}

#[test]
fn the_memory_of_the_device_decides_how_many_images_share_a_step() {
    let directory = tempfile::tempdir().unwrap();
    let backend = backend(directory.path(), 3).with_advised_batch();
    let capacity = |width, height| {
        let size = ImageSize::try_from((width, height)).unwrap();
        backend.capacity(size)
    };
    assert_eq!(capacity(64, 64), Capacity::of_images(3));
    assert_eq!(capacity(64, 128), Capacity::of_images(1));
    assert_eq!(capacity(512, 512), Capacity::of_images(1));
}

#[test]
fn an_image_too_large_for_memory_fails_alone() {
    let directory = tempfile::tempdir().unwrap();
    let mut backend = backend(directory.path(), 1);
    let first = backend.admit(&input("1")).unwrap();
    let second = backend.admit(&input("2")).unwrap();
    backend.pipeline.images = 0;
    let events = backend.tick();
    backend.pipeline.images = 1;
    let [SlotEvent::Failed { slot, error }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((*slot, error), (first, &BackendError::OutOfMemory));
    assert_eq!(backend.capacity(size()), Capacity::of_images(1));
    let ends = ends(&mut backend);
    assert!(matches!(&ends[..], [(slot, Ok(_))] if *slot == second));
}
