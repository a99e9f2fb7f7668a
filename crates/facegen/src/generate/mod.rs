//! `facegen generate`: one request on the command line.

mod output;
mod progress;

use std::fmt::Write as _;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use facegen_core::redact::FaceImage;
use facegen_core::{
    BackendError, GeneratedImage, GenerationEvent, GenerationInput, GenerationOutput,
    GenerationRequest, Photo, RawGenerationRequest,
};
use facegen_executor::EngineHandle;
use facegen_image::{ImageLimits, read_image};
use output::OutputFiles;
use progress::Progress;

use crate::cli::GenerateArguments;
use crate::engine;
use crate::failure::Failure;
use crate::output as printing;
use crate::provenance::provenance;

/// Generates the images and writes them. Validates all arguments before the
/// models are loaded.
pub(crate) fn run(arguments: GenerateArguments) -> Result<(), Failure> {
    let raw = RawGenerationRequest::from(arguments.request);
    let preset = engine::find(&arguments.engine.models_dir, &arguments.engine.preset)?;
    let request = raw.parse(preset.limits())?.resolve_seed(random_seed);
    let files = OutputFiles::new(arguments.out)?;
    let Photo {
        image: face,
        warnings,
    } = read_face(&arguments.face)?;
    let engine = engine::start(preset, &arguments.engine)?;

    let started = Instant::now();
    let spec = request.spec.clone();
    let input = GenerationInput { spec, face };
    let mut output = generate(&engine, input)?;
    output.warnings.splice(..0, warnings);
    let encoded = encode(&output.images)?;
    let elapsed = started.elapsed();

    for (index, image) in encoded.iter().enumerate() {
        files.write(index, image)?;
    }
    Ok(report(&request, &output, &files, elapsed)?)
}

/// Returns a random seed: the standard library keys its hash maps with the
/// system's random numbers.
fn random_seed() -> u32 {
    let [a, b, c, d, ..] = RandomState::new().hash_one(0_u8).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

fn read_face(path: &Path) -> Result<Photo, Failure> {
    let bytes = fs::read(path)
        .with_context(|| format!("face_image {} cannot be read", path.display()))
        .map_err(Failure::FaceImage)?;
    let face = FaceImage::from(bytes);
    Ok(read_image(face.bytes(), &ImageLimits::default())?)
}

fn generate(engine: &EngineHandle, input: GenerationInput) -> Result<GenerationOutput, Failure> {
    let mut generation = engine.submit(input);
    let mut progress = Progress::new();
    while let Some(event) = generation.blocking_next() {
        match event {
            GenerationEvent::Progress { step, steps } => progress.show(step, steps),
            GenerationEvent::Finished(output) => return Ok(output),
            GenerationEvent::Failed(error) => return Err(error.into()),
        }
    }
    Err(BackendError::EngineStopped.into())
}

fn encode(images: &[GeneratedImage]) -> Result<Vec<Vec<u8>>, Failure> {
    let provenance = provenance();
    let encode = |image: &GeneratedImage| {
        facegen_image::encode_generated(&image.pixels, &provenance)
            .context("cannot encode the image")
    };
    Ok(images.iter().map(encode).collect::<Result<_, _>>()?)
}

/// Prints results to standard output and warnings to standard error.
fn report(
    request: &GenerationRequest,
    output: &GenerationOutput,
    files: &OutputFiles,
    elapsed: Duration,
) -> anyhow::Result<()> {
    for warning in request.warnings().iter().chain(&output.warnings) {
        // The images are written, even if warnings cannot be.
        let _ = writeln!(io::stderr(), "warning: {warning}");
    }
    let timings = output.timings;
    tracing::info!(
        face_analysis = ?timings.face_analysis,
        text_encoding = ?timings.text_encoding,
        conditioning = ?timings.conditioning,
        denoising = ?timings.denoising,
        decoding = ?timings.decoding,
        safety_checking = ?timings.safety_checking,
        "stages"
    );
    let mut results = String::new();
    for index in 0..output.images.len() {
        writeln!(results, "{}", files.path(index).display())?;
    }
    writeln!(
        results,
        "seed {}, {}x{}, {} steps, generated in {:.2} s",
        request.spec.seed(),
        request.spec.width(),
        request.spec.height(),
        request.spec.steps(),
        elapsed.as_secs_f64()
    )?;
    printing::print(&results)
}
